#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "sirocco/hub/url.hpp"
#include "sirocco/server/fetch/ip_address.hpp"

namespace sirocco {

/// TransferLimits bound one request.
struct TransferLimits {
  std::size_t max_bytes = 0;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds timeout{20000};
};

/// TransferEnd is what a server answered.
struct TransferEnd {
  int status = 0;
  std::string location;      ///< of a redirect; as it was sent, empty without one
  std::string content_type;  ///< in small letters, without parameters; empty without one
  std::vector<std::byte> body;
};

/// GETs `url` over a connection to one of `addresses` and to nothing else. The body is kept of an
/// answer of status 200. Throws IoError where there is no whole answer, InvalidArgument for a body
/// of more bytes, Cancelled when a stop is requested. Blocks; any thread, after start_curl.
TransferEnd transfer(const Url& url, std::span<const IpAddress> addresses,
                     const TransferLimits& limits, const std::stop_token& stop);

}  // namespace sirocco
