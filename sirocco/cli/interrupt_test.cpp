#include "sirocco/cli/interrupt.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace sirocco {
namespace {

/// A descriptor that holds nothing to read until `write_key`.
class Keys {
 public:
  Keys() { EXPECT_EQ(pipe(ends_), 0); }
  ~Keys() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  int descriptor() const { return ends_[0]; }
  void press() const { EXPECT_EQ(write(ends_[1], "k", 1), 1); }

 private:
  int ends_[2] = {-1, -1};
};

TEST(InterruptGuard, AnInterruptBeforeTheWaitEndsIt) {
  InterruptGuard guard;
  const Keys keys;
  std::raise(SIGINT);
  EXPECT_TRUE(guard.pressed());
  EXPECT_EQ(guard.wait_for(keys.descriptor()), InterruptGuard::Woken::kInterrupt);
}

TEST(InterruptGuard, AnInterruptThatAnotherThreadTakesEndsTheWait) {
  InterruptGuard guard;
  const Keys keys;
  std::thread other([] { std::raise(SIGINT); });
  EXPECT_EQ(guard.wait_for(keys.descriptor()), InterruptGuard::Woken::kInterrupt);
  other.join();
}

TEST(InterruptGuard, AForgottenInterruptDoesNot) {
  InterruptGuard guard;
  const Keys keys;
  std::raise(SIGINT);
  guard.forget();
  EXPECT_FALSE(guard.pressed());
  keys.press();
  EXPECT_EQ(guard.wait_for(keys.descriptor()), InterruptGuard::Woken::kKey);
}

TEST(InterruptGuard, AWaitCanBeEndedOtherwise) {
  InterruptGuard guard;
  const Keys keys;
  std::thread other([] { InterruptGuard::wake_up(); });
  EXPECT_EQ(guard.wait_for(keys.descriptor()), InterruptGuard::Woken::kOther);
  other.join();
  keys.press();
  EXPECT_EQ(guard.wait_for(keys.descriptor()), InterruptGuard::Woken::kKey);
}

}  // namespace
}  // namespace sirocco
