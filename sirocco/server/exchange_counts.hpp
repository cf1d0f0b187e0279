#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/server/http/server.hpp"

namespace sirocco {

/// The numbers of requests that have ended, by route and status. Thread-safe.
class ExchangeCounts {
 public:
  /// The pattern of a route, empty for paths that have none, and a status of HTTP.
  using Key = std::pair<std::string, int>;

  void count(const http::ExchangeRecord& record);
  std::map<Key, std::uint64_t> counts() const;

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
};

/// Why a request with such a status was refused, in a word for programs: "queue_full",
/// "draining"; empty for what was answered.
std::string_view refusal_reason(int status);

}  // namespace sirocco
