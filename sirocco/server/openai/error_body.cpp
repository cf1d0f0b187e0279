#include "sirocco/server/openai/error_body.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

struct StatusType {
  int status;
  std::string_view type;
};

// OpenAI's; of 503 llama.cpp's.
constexpr std::array kTypes = {
    StatusType{401, "authentication_error"}, StatusType{403, "permission_error"},
    StatusType{404, "not_found_error"},      StatusType{408, "timeout_error"},
    StatusType{429, "rate_limit_error"},     StatusType{503, "unavailable_error"},
};

std::string_view type_of(int status) {
  const auto row = std::ranges::find(kTypes, status, &StatusType::status);
  if (row != kTypes.end()) return row->type;
  return status < 500 ? "invalid_request_error" : "server_error";
}

}  // namespace

std::string error_body(const ApiError& error) {
  json::Writer out;
  out.open_object().name("error").open_object();
  out.member("message", error.message).member("type", type_of(error.status));
  if (error.param.empty()) {
    out.member("param", nullptr);
  } else {
    out.member("param", error.param);
  }
  out.member("code", error.code).close_object().close_object();
  return out.take();
}

}  // namespace sirocco::openai
