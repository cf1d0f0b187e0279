#include "sirocco/engine/step_cost.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sirocco {
namespace {

TEST(StepCostModel, KnowsNothingAtFirst) {
  StepCostModel costs;
  EXPECT_FALSE(costs.knows());
  EXPECT_EQ(costs.expected({.rows = 5}), 0);
  costs.observe(load_behind(0, 3), 0.3);
  EXPECT_TRUE(costs.knows());
  EXPECT_NEAR(costs.expected(load_behind(0, 6)), 0.6, 1e-2);
}

TEST(StepCostModel, LearnsWhatIsFixedWhatRowsCostAndHowFarTheyLookBack) {
  StepCostModel costs;
  const auto seconds = [](const StepLoad& load) {
    return 0.01 + 0.001 * static_cast<double>(load.rows) + 2e-7 * static_cast<double>(load.seen);
  };
  std::int64_t depth = 0;
  for (int i = 0; i < 40; ++i) {
    for (const int rows : {1, 64, 3, 128, 20}) {
      depth = (depth * 13 + 1777) % 16000;
      costs.observe(load_behind(depth, rows), seconds(load_behind(depth, rows)));
    }
  }
  for (const std::int64_t behind : {0, 1000, 15000}) {
    const StepLoad load = load_behind(behind, 100);
    EXPECT_NEAR(costs.expected(load) / seconds(load), 1, 0.02) << behind;
  }
  // 0.1 s are 100 rows at the front, and fewer where they look back far.
  EXPECT_NEAR(static_cast<double>(costs.rows_within(0.1, 0)), 99, 3);
  EXPECT_NEAR(static_cast<double>(costs.rows_within(0.1, 10000)), 33, 2);
  EXPECT_EQ(costs.rows_within(0.0001, 0), 0);
  EXPECT_EQ(costs.rows_within(-1, 0), 0);
}

// What isn't told apart counts by the row: a prompt that comes in is believed to be dear until a
// step has shown what it costs.
TEST(StepCostModel, StepsOfOneSizeCountByTheRow) {
  StepCostModel costs;
  for (int i = 0; i < 50; ++i) costs.observe(load_behind(100 + i, 4), 0.08);
  EXPECT_NEAR(costs.expected(load_behind(150, 4)), 0.08, 0.002);
  EXPECT_LE(costs.rows_within(0.41, 150), 24);
  EXPECT_GE(costs.rows_within(0.41, 150), 18);
  // One other step, and it knows.
  costs.observe(load_behind(0, 24), 0.09);
  EXPECT_GT(costs.rows_within(0.41, 150), 100);
}

TEST(StepCostModel, LearnsWhatEncodersCost) {
  StepCostModel costs;
  const auto seconds = [](const StepLoad& load) {
    return 0.004 + 0.0004 * static_cast<double>(load.rows) +
           9e-6 * static_cast<double>(load.encoded);
  };
  for (int i = 0; i < 40; ++i) {
    costs.observe(load_behind(100 + i, 4), seconds({.rows = 4}));
    EXPECT_EQ(costs.of_encoded(), 0);
  }
  // Once is enough to know about, and steps with and without it tell what it costs.
  for (const std::int64_t work : {64, 128, 256, 400, 0, 400}) {
    StepLoad load = load_behind(140, 4);
    load.encoded = work;
    costs.observe(load, seconds(load));
    EXPECT_NEAR(costs.of_encoded(), 9e-6, 1e-6) << work;
  }
  StepLoad more = load_behind(140, 4);
  more.encoded = 1000;
  EXPECT_NEAR(costs.expected(more) / seconds(more), 1, 0.05);
}

TEST(StepCostModel, KnowsEncodersByThemselves) {
  StepCostModel costs;
  for (int i = 0; i < 9; ++i) costs.observe({.encoded = 1000 + i}, 0.02);
  EXPECT_EQ(costs.of_row(0), 0);
  EXPECT_NEAR(costs.of_encoded(), 2e-5, 1e-6);
  EXPECT_NEAR(costs.expected({.encoded = 500}), 0.01, 1e-3);
}

TEST(StepCostModel, FollowsAMachineThatHasBecomeSlower) {
  StepCostModel costs;
  for (const double slower : {1.0, 3.0}) {
    for (int i = 0; i < 100; ++i) {
      const StepLoad load = load_behind(0, i % 10 + 1);
      costs.observe(load, slower * (0.01 + 0.002 * static_cast<double>(load.rows)));
    }
    EXPECT_NEAR(costs.expected(load_behind(0, 5)), slower * 0.02, slower * 0.001);
  }
}

}  // namespace
}  // namespace sirocco
