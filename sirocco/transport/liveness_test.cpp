#include "sirocco/transport/liveness.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

constexpr LivenessOptions kOptions = {.pulse = 1, .patience = 10, .start_patience = 100};

/// Listens four times a second, until `end`.
void listen_until(Liveness& liveness, Seconds from, Seconds end) {
  for (Seconds now = from; now <= end; now += 0.25) liveness.listen(now);
}

TEST(Liveness, AStageIsSilentAfterThePatience) {
  Liveness liveness(3, kOptions, 5);
  liveness.listen(5.5);
  liveness.heard(1);
  liveness.heard(2);
  listen_until(liveness, 5.75, 12);
  liveness.heard(2);
  listen_until(liveness, 12, 15.5);
  EXPECT_FALSE(liveness.is_silent(1));
  liveness.listen(15.75);
  EXPECT_TRUE(liveness.is_silent(1));
  EXPECT_FALSE(liveness.is_silent(2));
}

TEST(Liveness, TheFirstWordMayTakeLonger) {
  Liveness liveness(2, kOptions, 0);
  listen_until(liveness, 0, 100);
  EXPECT_FALSE(liveness.is_silent(1));
  liveness.listen(100.25);
  EXPECT_TRUE(liveness.is_silent(1));
}

TEST(Liveness, APatienceBeyondThatOfTheStartCountsFromTheStart) {
  Liveness liveness(2, {.pulse = 1, .patience = 10, .start_patience = 2}, 0);
  listen_until(liveness, 0, 10);
  EXPECT_FALSE(liveness.is_silent(1));
  liveness.listen(10.25);
  EXPECT_TRUE(liveness.is_silent(1));
}

TEST(Liveness, AnAlarmShortensThePatience) {
  LivenessOptions options = kOptions;
  options.alarmed_patience = 2;
  Liveness liveness(2, options, 0);
  liveness.listen(0.5);
  liveness.heard(1);
  listen_until(liveness, 0.75, 3);
  EXPECT_FALSE(liveness.is_silent(1));
  liveness.set_alarmed(true);
  EXPECT_EQ(liveness.patience(), 2);
  EXPECT_TRUE(liveness.is_silent(1)) << "it had been silent for 2.5 s before";
  liveness.heard(1);
  listen_until(liveness, 3.25, 5);
  EXPECT_FALSE(liveness.is_silent(1));
  liveness.set_alarmed(false);
  listen_until(liveness, 5.25, 13);
  EXPECT_FALSE(liveness.is_silent(1));
}

TEST(Liveness, AnAlarmDoesNotShortenTheStart) {
  Liveness liveness(2, kOptions, 0);
  liveness.set_alarmed(true);
  listen_until(liveness, 0, 90);
  EXPECT_FALSE(liveness.is_silent(1));
}

TEST(Liveness, TimeInWhichNobodyListenedIsNotSilence) {
  Liveness liveness(2, kOptions, 0);
  liveness.listen(0.5);
  liveness.heard(1);
  liveness.listen(1000);
  EXPECT_FALSE(liveness.is_silent(1));
  listen_until(liveness, 1000, 1009);
  EXPECT_FALSE(liveness.is_silent(1)) << "a pulse's time counted, then 9 s";
  liveness.listen(1009.25);
  EXPECT_TRUE(liveness.is_silent(1));
}

TEST(Liveness, APulseIsWantedWhenNothingElseWasSent) {
  Liveness liveness(3, kOptions, 0);
  liveness.listen(0.75);
  EXPECT_FALSE(liveness.wants_pulse(1));
  liveness.sent(2);
  liveness.listen(1);
  EXPECT_TRUE(liveness.wants_pulse(1));
  EXPECT_FALSE(liveness.wants_pulse(2));
  liveness.listen(1.75);
  EXPECT_TRUE(liveness.wants_pulse(2));
}

}  // namespace
}  // namespace sirocco
