#pragma once

#include <csignal>

namespace sirocco {

/// While one lives, Ctrl-C (SIGINT) no longer ends the program but is remembered. One at a time in
/// a process.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether it was pressed since it was last forgotten.
  bool pressed() const;
  void forget();

 private:
  struct sigaction before_ {};
};

}  // namespace sirocco
