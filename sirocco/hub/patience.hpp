#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "sirocco/hub/http.hpp"

namespace sirocco {

/// A HubClock is what waiting goes by; tests have one of their own. Safe to share between threads.
class HubClock {
 public:
  virtual ~HubClock() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;
  /// Seconds since 1970, for what is written down and for dates that servers give.
  virtual std::chrono::sys_seconds date() const = 0;
  /// Returns early when a stop is requested.
  virtual void wait(std::chrono::milliseconds time, const std::stop_token& stop) = 0;
};

/// The clock of the system.
HubClock& system_clock();

/// A Setback is why a try failed that may be made again.
struct Setback {
  std::string reason;                              ///< "the connection broke off"
  std::optional<std::chrono::seconds> wait_asked;  ///< how long the server wants to be left alone
};

/// Whether a status says that the same request may succeed later: too many requests, or a failure
/// of the server. `wait_asked` is its Retry-After, in seconds or as a date.
std::optional<Setback> setback_of(const HttpHead& head, std::chrono::sys_seconds now);

/// A Patience waits between tries: half a second, then twice as long each time, or as long as the
/// server asks. For one thread.
class Patience {
 public:
  static constexpr std::chrono::seconds kMaxWait{120};

  /// For `max_tries` without anything gained between them. `say` is told of each wait in a line.
  Patience(HubClock& clock, int max_tries, std::function<void(const std::string&)> say)
      : clock_(clock), max_tries_(max_tries), say_(std::move(say)) {}

  /// Something was gained: the count begins anew.
  void gained() { tries_ = 0; }
  /// Waits before the next try at `what`. Throws IoError after the last one, or when the server
  /// asks for more time than kMaxWait; Cancelled when a stop is requested.
  void wait_after(const Setback& setback, const std::string& what, const std::stop_token& stop);

 private:
  HubClock& clock_;
  int max_tries_;
  std::function<void(const std::string&)> say_;
  int tries_ = 0;
};

}  // namespace sirocco
