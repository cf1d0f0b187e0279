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

  enum class Woken { kKey, kInterrupt };
  /// Waits until the descriptor can be read or Ctrl-C was pressed, before the call or in it.
  Woken wait_for(int descriptor) const;

 private:
  struct sigaction before_ {};
  int wake_up_;
};

}  // namespace sirocco
