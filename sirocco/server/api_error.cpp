#include "sirocco/server/api_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "sirocco/server/invalid_request.hpp"

namespace sirocco {
namespace {

struct StatusCode {
  int status;
  std::string_view code;
};

constexpr std::array kCodes = {
    StatusCode{400, "invalid_request"},     StatusCode{401, "invalid_api_key"},
    StatusCode{403, "forbidden"},           StatusCode{404, "not_found"},
    StatusCode{405, "method_not_allowed"},  StatusCode{408, "timeout"},
    StatusCode{413, "body_too_large"},      StatusCode{422, "unprocessable"},
    StatusCode{429, "rate_limit_exceeded"}, StatusCode{431, "head_too_large"},
    StatusCode{499, "cancelled"},           StatusCode{503, "unavailable"},
};

std::string_view code_of(int status) {
  const auto row = std::ranges::find(kCodes, status, &StatusCode::status);
  if (row != kCodes.end()) return row->code;
  return status < 500 ? "invalid_request" : "internal_error";
}

ApiError of_kind(ErrorKind kind, std::string message) {
  const ErrorTraits& traits = error_traits(kind);
  return {traits.http_status, std::move(message), {}, std::string(traits.name)};
}

}  // namespace

ApiError api_error(const std::exception& exception) {
  if (const auto* failure = dynamic_cast<const ApiFailure*>(&exception)) return failure->error();
  if (const auto* invalid = dynamic_cast<const InvalidRequest*>(&exception))
    return {400, invalid->what(), invalid->param(), invalid->code()};
  if (const auto* error = dynamic_cast<const Error*>(&exception))
    return of_kind(error->kind(), error->what());
  return api_error(500, "something went wrong in the server; its log says what");
}

ApiError api_error(const Ending& ending) {
  return of_kind(ending.error.value_or(ErrorKind::kResourceExhausted), ending.message);
}

ApiError api_error(int status, std::string_view message) {
  return {status, std::string(message), {}, std::string(code_of(status))};
}

ApiError model_not_found(std::string_view name, std::span<const std::string> names) {
  return {404,
          fmt::format("there is no model {}; there {} {}", sirocco::quoted(name),
                      names.size() == 1 ? "is" : "are",
                      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))),
          "model", "model_not_found"};
}

}  // namespace sirocco
