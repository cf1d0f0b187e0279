#include "sirocco/server/openai/api_error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

struct StatusWords {
  int status;
  std::string_view type;
  std::string_view code;
};

// Types are OpenAI's; of 503 llama.cpp's.
constexpr std::array kStatuses = {
    StatusWords{400, "invalid_request_error", "invalid_request"},
    StatusWords{401, "authentication_error", "invalid_api_key"},
    StatusWords{403, "permission_error", "forbidden"},
    StatusWords{404, "not_found_error", "not_found"},
    StatusWords{405, "invalid_request_error", "method_not_allowed"},
    StatusWords{408, "timeout_error", "timeout"},
    StatusWords{413, "invalid_request_error", "body_too_large"},
    StatusWords{422, "invalid_request_error", "unprocessable"},
    StatusWords{429, "rate_limit_error", "rate_limit_exceeded"},
    StatusWords{431, "invalid_request_error", "head_too_large"},
    StatusWords{499, "invalid_request_error", "cancelled"},
    StatusWords{503, "unavailable_error", "unavailable"},
};
constexpr StatusWords kOfRequest{400, "invalid_request_error", "invalid_request"};
constexpr StatusWords kOfServer{500, "server_error", "internal_error"};

StatusWords words_of(int status) {
  const auto row = std::ranges::find(kStatuses, status, &StatusWords::status);
  if (row != kStatuses.end()) return *row;
  return status < 500 ? kOfRequest : kOfServer;
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
  return api_error(kOfServer.status, "something went wrong in the server; its log says what");
}

ApiError api_error(const Ending& ending) {
  return of_kind(ending.error.value_or(ErrorKind::kResourceExhausted), ending.message);
}

ApiError api_error(int status, std::string_view message) {
  return {status, std::string(message), {}, std::string(words_of(status).code)};
}

ApiError model_not_found(std::string_view name, std::span<const std::string> names) {
  return {404,
          fmt::format("there is no model {}; there {} {}", sirocco::quoted(name),
                      names.size() == 1 ? "is" : "are",
                      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))),
          "model", "model_not_found"};
}

std::string error_body(const ApiError& error) {
  json::Writer out;
  out.open_object().name("error").open_object();
  out.member("message", error.message).member("type", words_of(error.status).type);
  if (error.param.empty()) {
    out.member("param", nullptr);
  } else {
    out.member("param", error.param);
  }
  out.member("code", error.code).close_object().close_object();
  return out.take();
}

}  // namespace sirocco::openai
