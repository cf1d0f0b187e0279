#include "sirocco/engine/scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

TEST(StepCostModel, LearnsALine) {
  StepCostModel costs;
  EXPECT_EQ(costs.rows_within(1.0, 77), 77);
  for (const int rows : {1, 64, 3, 128, 20}) costs.observe(rows, 0.01 + 0.001 * rows);
  EXPECT_NEAR(costs.expected(100), 0.11, 1e-6);
  EXPECT_NEAR(static_cast<double>(costs.rows_within(0.1, 0)), 90, 1);
  EXPECT_EQ(costs.rows_within(0.001, 0), 0);
}

TEST(StepCostModel, StepsOfOneSizeCountByTheRow) {
  StepCostModel costs;
  for (int i = 0; i < 20; ++i) costs.observe(4, 0.08);
  EXPECT_EQ(costs.rows_within(0.41, 0), 20);
}

TEST(Scheduler, RefusesLimitsThatContradict) {
  EXPECT_THROW(Scheduler({.step_rows = 0}), InvalidArgument);
  EXPECT_THROW(Scheduler({.step_rows = 8, .least_prompt_rows = 9}), InvalidArgument);
  EXPECT_THROW(Scheduler({.stall_bound = 0}), InvalidArgument);
}

TEST(Scheduler, DecodesFirstAndSharesTheRestEvenly) {
  Scheduler scheduler({.step_rows = 100, .shared_step_rows = 62});
  const std::vector<Runnable> all = {{SequenceId(1), 500, false},
                                     {SequenceId(2), 1, true},
                                     {SequenceId(3), 10, false},
                                     {SequenceId(4), 400, false},
                                     {SequenceId(5), 1, true}};
  const std::vector<StepShare> expected = {{SequenceId(2), 1},
                                           {SequenceId(5), 1},
                                           {SequenceId(1), 25},
                                           {SequenceId(3), 10},
                                           {SequenceId(4), 25}};
  EXPECT_EQ(scheduler.plan(all, {}), expected);
  // Without anyone who decodes, a prompt gets the whole step.
  EXPECT_EQ(scheduler.plan(std::vector<Runnable>{{SequenceId(1), 500, false}}, {}),
            (std::vector<StepShare>{{SequenceId(1), 100}}));
  EXPECT_TRUE(scheduler.plan({}, {}).empty());
}

TEST(Scheduler, PromptsStallDecodingNoLongerThanTheBound) {
  EXPECT_TRUE(rc::check([] {
    const double fixed = *rc::gen::inRange(0, 50) * 1e-3;
    const double each = *rc::gen::inRange(1, 50) * 1e-4;
    SchedulerLimits limits;
    limits.stall_bound = *rc::gen::element(0.05, 0.1, 0.25);
    Scheduler scheduler(limits);
    StepCostModel costs;
    for (const int rows : {1, 100, 7, 512}) costs.observe(rows, fixed + each * rows);
    const auto plan = scheduler.plan(
        std::vector<Runnable>{{SequenceId(1), 1, true}, {SequenceId(2), 100000, false}}, costs);
    RC_ASSERT(plan.size() == 2U);
    const double seconds = fixed + each * static_cast<double>(1 + plan[1].rows);
    RC_ASSERT(plan[1].rows <= limits.least_prompt_rows || seconds <= limits.stall_bound * 1.01);
  }));
}

// A model of an engine: sequences arrive, prompts are read, answers are written.
TEST(Scheduler, EveryoneProgressesWithinTheBudget) {
  EXPECT_TRUE(rc::check([] {
    SchedulerLimits limits;
    limits.step_rows = *rc::gen::inRange(1, 40);
    limits.least_prompt_rows = *rc::gen::inRange(1, limits.step_rows + 1);
    limits.shared_step_rows = *rc::gen::inRange(1, 40);
    Scheduler scheduler(limits);
    StepCostModel costs;
    struct Load {
      std::int64_t prompt;
      std::int64_t answer;
      int idle = 0;
    };
    std::map<SequenceId, Load> load;
    const auto count = *rc::gen::inRange(1, 30);
    for (int i = 0; i < count; ++i) {
      load[SequenceId(static_cast<std::uint64_t>(i + 1))] = {*rc::gen::inRange(1, 100),
                                                             *rc::gen::inRange(1, 20)};
    }
    for (int step = 0; !load.empty(); ++step) {
      RC_ASSERT(step < 30 * 120 * 2);
      std::vector<Runnable> runnable;
      for (const auto& [id, l] : load) {
        runnable.push_back({id, l.prompt > 0 ? l.prompt : 1, l.prompt == 0});
      }
      const auto plan = scheduler.plan(runnable, costs);
      RC_ASSERT(!plan.empty());
      std::int64_t rows = 0;
      for (auto& [id, l] : load) ++l.idle;
      for (const StepShare& share : plan) {
        Load& l = load.at(share.id);
        RC_ASSERT(share.rows >= 1);
        RC_ASSERT(l.idle > 0);  // once a step
        rows += share.rows;
        l.idle = 0;
        if (l.prompt > 0) {
          RC_ASSERT(share.rows <= l.prompt);
          l.prompt -= share.rows;
        } else {
          RC_ASSERT(share.rows == 1);
          --l.answer;
        }
      }
      RC_ASSERT(rows <= limits.step_rows);
      for (const auto& [id, l] : load) RC_ASSERT(l.idle <= 2 * count + 2);
      std::erase_if(load, [](const auto& item) { return item.second.answer == 0; });
      costs.observe(rows, 0.005 + 0.0003 * static_cast<double>(rows));
    }
  }));
}

}  // namespace
}  // namespace sirocco
