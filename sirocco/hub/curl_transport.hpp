#pragma once

#include <chrono>
#include <memory>

#include "sirocco/hub/http.hpp"

namespace sirocco {

struct CurlOptions {
  std::chrono::seconds connect_timeout{15};
  std::chrono::seconds stall_timeout{30};  ///< without a byte, until a connection counts as cut
};

/// Prepares libcurl, once, before its first use by whoever uses it. Thread-safe. Throws IoError.
void start_curl();

/// A transport over libcurl, with the system's certificates and the proxies that the environment
/// names (https_proxy, no_proxy…). Throws IoError where libcurl can't be set up.
std::unique_ptr<HttpTransport> make_curl_transport(const CurlOptions& options = {});

}  // namespace sirocco
