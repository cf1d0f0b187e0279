#pragma once

#include <csignal>
#include <mutex>
#include <optional>
#include <string>

namespace sirocco {

/// What ends a server: SIGINT or SIGTERM, which are blocked in all threads that begin after it is
/// made, or the loss of a stage of its model. One thread waits; all else is thread-safe.
class EndOfServing {
 public:
  /// Throws IoError when no file descriptor is left.
  EndOfServing();
  ~EndOfServing();
  EndOfServing(const EndOfServing&) = delete;
  EndOfServing& operator=(const EndOfServing&) = delete;

  /// Why a stage is lost. The first reason counts.
  void lose(const std::string& why);
  std::optional<std::string> loss() const;

  /// Blocks until a signal comes or a stage is lost.
  void wait();
  /// How many signals have come, as far as they were told apart. For the thread that waits.
  int signals();

 private:
  sigset_t signals_;
  int signalled_;  // descriptors
  int lost_;
  int count_ = 0;
  mutable std::mutex mutex_;
  std::optional<std::string> why_;
};

}  // namespace sirocco
