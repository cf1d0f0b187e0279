#include "sirocco/server/anthropic/error_body.hpp"

#include <algorithm>
#include <array>

#include "sirocco/server/json/writer.hpp"

namespace sirocco::anthropic {
namespace {

struct StatusType {
  int status;
  std::string_view type;
};

constexpr std::array kTypes = {
    StatusType{401, "authentication_error"}, StatusType{403, "permission_error"},
    StatusType{404, "not_found_error"},      StatusType{408, "timeout_error"},
    StatusType{413, "request_too_large"},    StatusType{429, "rate_limit_error"},
    StatusType{503, "overloaded_error"},
};

std::string_view type_of(int status) {
  const auto row = std::ranges::find(kTypes, status, &StatusType::status);
  if (row != kTypes.end()) return row->type;
  return status < 500 ? "invalid_request_error" : "api_error";
}

}  // namespace

std::string error_body(const ApiError& error, std::string_view request_id) {
  const bool names_place = error.message.starts_with(error.param);
  json::Writer out;
  out.open_object().member("type", "error").name("error").open_object();
  out.member("type", type_of(error.status));
  out.member("message", names_place ? error.message : error.param + ": " + error.message);
  out.close_object().member("request_id", request_id).close_object();
  return out.take();
}

}  // namespace sirocco::anthropic
