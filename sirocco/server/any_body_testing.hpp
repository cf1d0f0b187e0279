#pragma once

#include "sirocco/base/utf8.hpp"
#include "sirocco/server/api_error.hpp"
#include "sirocco/server/invalid_request.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco::request_testing {

/// Reads a body in several ways; whatever isn't read is refused in words that can be told, which
/// `error_body(error)` puts into an API's shape. How many ways there were. `require` is called with
/// what must be true.
template <class Require, class ErrorBody, class... Read>
int count_accepted(Require require, ErrorBody error_body, Read... reads) {
  int accepted = 0;
  const auto attempt = [&](auto& read) {
    try {
      read();
      ++accepted;
    } catch (const InvalidRequest& refused) {
      require(is_utf8(refused.what()) && is_utf8(refused.param()) && !refused.code().empty());
      const json::Value told = json::parse(error_body(api_error(refused)));
      require(told.as<json::Object>() != nullptr);
    }
  };
  (attempt(reads), ...);
  return accepted;
}

}  // namespace sirocco::request_testing
