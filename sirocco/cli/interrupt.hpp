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

  enum class Woken { kKey, kInterrupt, kOther };
  /// Waits until the descriptor can be read, Ctrl-C was pressed (before the call or in it), or
  /// something called wake_up.
  Woken wait_for(int descriptor) const;

  /// Ends a wait. For signal handlers, on any thread.
  static void wake_up() noexcept;

 private:
  struct sigaction before_ {};
  int wake_up_;
};

}  // namespace sirocco
