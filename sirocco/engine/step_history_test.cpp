#include "sirocco/engine/step_history.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

constexpr StepLoad kStreams = {.rows = 4, .seen = 100};

StepLoad beside_streams(std::int64_t rows) {
  return {.rows = kStreams.rows + rows, .seen = kStreams.seen + rows};
}

TEST(StepHistory, AllowsTwiceWhatStepsHad) {
  StepHistory history;
  EXPECT_EQ(history.max_patient(), 2);
  history.add(beside_streams(80), kStreams);
  EXPECT_EQ(history.max_patient(), 160);
  // Less is forgotten slowly, and steps without any say nothing.
  history.add(beside_streams(1), kStreams);
  EXPECT_EQ(history.max_patient(), 140);
  for (int i = 0; i < 100; ++i) history.add(kStreams, kStreams);
  EXPECT_EQ(history.max_patient(), 140);

  const std::int64_t first = history.max_encoded();
  EXPECT_GT(first, 2);
  history.add({.rows = 4, .seen = 100, .encoded = first}, kStreams);
  EXPECT_EQ(history.max_encoded(), 2 * first);
  EXPECT_EQ(history.max_patient(), 140);
}

TEST(StepHistory, OneOfSixteenStepsIsForUrgentWorkAlone) {
  StepHistory history;
  EXPECT_TRUE(history.alone_is_due());  // nothing has shown yet what it takes
  history.add(kStreams, kStreams);
  for (int i = 0; i < 15; ++i) {
    EXPECT_FALSE(history.alone_is_due()) << i;
    history.add(beside_streams(80), kStreams);
  }
  EXPECT_TRUE(history.alone_is_due());
  // Where nobody waits, a step shows nothing of that.
  history.add({.rows = 80, .seen = 80}, {});
  EXPECT_TRUE(history.alone_is_due());
  history.add(kStreams, kStreams);
  EXPECT_FALSE(history.alone_is_due());
  // Encoders' work disturbs too.
  for (int i = 0; i < 15; ++i) history.add({.rows = 4, .seen = 100, .encoded = 9}, kStreams);
  EXPECT_TRUE(history.alone_is_due());
}

}  // namespace
}  // namespace sirocco
