#include "sirocco/cli/end_of_serving.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <thread>

namespace sirocco {
namespace {

class EndOfServingTest : public testing::Test {
 protected:
  EndOfServingTest() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~EndOfServingTest() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

TEST_F(EndOfServingTest, ASignalEndsTheWait) {
  EndOfServing end;
  EXPECT_EQ(end.signals(), 0);
  kill(getpid(), SIGTERM);
  end.wait();
  EXPECT_EQ(end.signals(), 1);
  EXPECT_EQ(end.loss(), std::nullopt);
  kill(getpid(), SIGINT);
  EXPECT_EQ(end.signals(), 2);
}

TEST_F(EndOfServingTest, ALossEndsTheWaitAndIsNoSignal) {
  EndOfServing end;
  std::thread other([&] {
    end.lose("stage 1 is lost");
    end.lose("stage 2 is lost");
  });
  end.wait();
  other.join();
  EXPECT_EQ(end.loss(), "stage 1 is lost");
  EXPECT_EQ(end.signals(), 0);
  end.wait();  // it stays lost
}

}  // namespace
}  // namespace sirocco
