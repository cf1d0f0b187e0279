#include "sirocco/server/http/refusals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <typeinfo>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/server/http/exchange.hpp"

namespace sirocco::http {
namespace {

Refusal unavailable(std::string code, std::string message) {
  return {503, std::move(code), std::move(message), {{"Retry-After", "1"}}};
}

Refusal internal_error() {
  return {
      500, "internal_error", "something went wrong in the server; its log knows the request", {}};
}

}  // namespace

Refusal late_request() {
  return {408, "request_timeout", "the rest of the request didn't come in time", {}};
}

Refusal draining() { return unavailable("shutting_down", "the server is about to end"); }

Refusal bodies_take_all() {
  return unavailable("busy", "the requests that are being read take all the memory for them");
}

Refusal no_route(const Request& request, const std::vector<Method>& allowed) {
  if (allowed.empty()) {
    return {404, "no_such_path", fmt::format("nothing is at {}", quoted(request.path)), {}};
  }
  std::string names;
  for (const Method method : allowed) {
    if (!names.empty()) names += ", ";
    names += method_name(method);
  }
  return {405,
          "method_not_allowed",
          fmt::format("{} takes {}", quoted(request.path), names),
          {{"Allow", names}}};
}

std::optional<Refusal> refusal_of(const std::exception_ptr& failure, const Request& request) {
  // A message may quote the request: logs have the kind of a failure only.
  try {
    std::rethrow_exception(failure);
  } catch (const ClientGone&) {
    return std::nullopt;
  } catch (const Error& error) {
    const ErrorTraits& traits = error_traits(error.kind());
    if (traits.http_status == 500) {
      log_line(LogLevel::kError, fmt::format("request {}: {}", request.id, traits.name));
      return internal_error();
    }
    Refusal refusal{traits.http_status, std::string(traits.name), error.what(), {}};
    if (traits.http_status == 429 || traits.http_status == 503)
      refusal.headers.push_back({"Retry-After", "1"});
    return refusal;
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, fmt::format("request {}: an exception of the type {}", request.id,
                                           typeid(error).name()));
  } catch (...) {
    log_line(LogLevel::kError, fmt::format("request {}: an unknown exception", request.id));
  }
  return internal_error();
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_.:").find(c) != std::string_view::npos;
  });
}

std::string request_id(std::uint64_t number) {
  // A bijection (the finalizer of SplitMix64): ids differ from the first letter on.
  std::uint64_t z = number + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return fmt::format("req-{:016x}", z ^ (z >> 31));
}

}  // namespace sirocco::http
