#include "sirocco/engine/scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

Runnable patient(std::int64_t rows, std::uint64_t served = 0, std::uint64_t owner = 0,
                 int priority = 0) {
  return {{.rows = rows, .urgent = false}, served, owner, priority};
}
Runnable urgent(std::int64_t rows = 1, std::uint64_t served = 0) {
  return {{.rows = rows, .urgent = true}, served};
}
constexpr StepBounds kSomebodyWaits = {.patience = 0.1};
using Shares = std::vector<PlannedShare>;

TEST(Scheduler, RefusesLimitsThatContradict) {
  EXPECT_THROW(Scheduler({.usual_step = 0}), InvalidArgument);
  EXPECT_THROW(Scheduler({.usual_step = 8, .min_patient_rows = 9}), InvalidArgument);
  EXPECT_THROW(Scheduler({.usual_step = 8, .max_step = 7}), InvalidArgument);
}

TEST(Scheduler, TheUrgentComeFirstAndOthersHaveTheRest) {
  Scheduler scheduler({.usual_step = 100, .min_patient_rows = 60});
  const std::vector<Runnable> all = {patient(500), urgent(), patient(10), patient(400), urgent()};
  EXPECT_EQ(scheduler.plan(all, {}, kSomebodyWaits),
            (Shares{{1, 1}, {4, 1}, {0, 15}, {2, 10}, {3, 35}}));
  // Without anyone in a hurry, a prompt gets the whole step.
  EXPECT_EQ(scheduler.plan(std::vector{patient(500)}, {}), (Shares{{0, 100}}));
  EXPECT_TRUE(scheduler.plan({}, {}).empty());
}

TEST(Scheduler, WhoWasServedLongestAgoGoesFirst) {
  Scheduler scheduler({.usual_step = 4, .min_patient_rows = 1});
  const std::vector<Runnable> all = {urgent(1, 3), urgent(1, 1), patient(9, 2), urgent(1, 2),
                                     urgent(1, 1)};
  EXPECT_EQ(scheduler.plan(all, {}), (Shares{{1, 1}, {4, 1}, {3, 1}, {2, 1}}));
  EXPECT_EQ(scheduler.plan(all, {}, {.max_urgent = 1}), (Shares{{1, 1}, {2, 3}}));
}

TEST(Scheduler, WhatIsUrgentIsTakenWhole) {
  Scheduler scheduler({.usual_step = 8, .min_patient_rows = 1});
  EXPECT_EQ(scheduler.plan(std::vector{urgent(5), urgent(5)}, {}), (Shares{{0, 5}}));
  // One that wants more than a usual step has it to itself.
  EXPECT_EQ(scheduler.plan(std::vector{urgent(9, 1), urgent(1, 2)}, {}), (Shares{{0, 9}}));
}

TEST(Scheduler, NeverCutsWhatBelongsTogether) {
  const std::vector<IndivisibleRows> pictures = {{10, 30}, {40, 100}};
  EXPECT_EQ(rows_without_cut(10, pictures), 10);
  EXPECT_EQ(rows_without_cut(29, pictures), 10);
  EXPECT_EQ(rows_without_cut(30, pictures), 30);
  EXPECT_EQ(rows_without_cut(99, pictures), 40);
  EXPECT_EQ(rows_without_cut(120, pictures), 120);

  Scheduler scheduler({.usual_step = 20, .max_step = 64, .min_patient_rows = 4});
  const std::vector<IndivisibleRows> whole = {{0, 50}};
  const std::vector<IndivisibleRows> large = {{0, 64}};
  Runnable text{{.rows = 50, .indivisible = whole}, 1};
  Runnable image{{.rows = 70, .indivisible = large}, 1};
  // What comes first makes the step larger; the others have what is left of a usual one.
  EXPECT_EQ(scheduler.plan(std::vector{text, patient(9, 2)}, {}), (Shares{{0, 50}}));
  EXPECT_EQ(scheduler.plan(std::vector{urgent(1, 5), text}, {}), (Shares{{0, 1}, {1, 50}}));
  // Where even the largest step is too small for both, it is alone.
  EXPECT_EQ(scheduler.plan(std::vector{urgent(1, 5), image}, {}), (Shares{{1, 64}}));
  text.served = 9;
  EXPECT_EQ(scheduler.plan(std::vector{text, patient(12, 2)}, {}), (Shares{{1, 12}}));
}

TEST(Scheduler, OwnersShareEvenly) {
  Scheduler scheduler({.usual_step = 90});
  const std::vector<Runnable> all = {patient(500, 0, 1), patient(500, 0, 1), patient(500, 0, 1),
                                     patient(500, 0, 2)};
  EXPECT_EQ(scheduler.plan(all, {}), (Shares{{0, 45}, {3, 45}}));
  // What one has no use for goes to the other.
  const std::vector<Runnable> little = {patient(500, 0, 1), patient(500, 0, 1), patient(10, 0, 2)};
  EXPECT_EQ(scheduler.plan(little, {}), (Shares{{0, 80}, {2, 10}}));
}

TEST(Scheduler, AnOwnersFirstHasAQuarterAndTheShortTheRest) {
  Scheduler scheduler({.usual_step = 100});
  std::vector<Runnable> all = {patient(30), patient(20), patient(16000), patient(700)};
  for (std::size_t i = 0; i < all.size(); ++i) all[i].arrival = 9 - i;
  all[2].arrival = 1;
  EXPECT_EQ(scheduler.plan(all, {}), (Shares{{2, 25}, {1, 20}, {0, 30}, {3, 25}}));
  // Who came first is found by that alone, and may be the one that wants least.
  all[1].arrival = 0;
  EXPECT_EQ(scheduler.plan(all, {}), (Shares{{1, 20}, {0, 30}, {3, 50}}));
}

TEST(Scheduler, WhatThoseWhoCanWaitGetFollowsTheRules) {
  EXPECT_TRUE(rc::check([] {
    struct OfOwner {
      std::int64_t wanted = 0, given = 0;
    };
    Scheduler scheduler({.usual_step = *rc::gen::inRange(1, 200)});
    std::vector<Runnable> all;
    std::vector<OfOwner> owners(4);
    for (const int rows : *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 300))) {
      all.push_back(patient(rows, 0, *rc::gen::inRange<std::uint64_t>(0, owners.size())));
      all.back().arrival = *rc::gen::inRange<std::uint64_t>(0, 1000);
      owners[all.back().owner].wanted += rows;
    }
    std::vector<std::int64_t> given(all.size(), 0);
    for (const PlannedShare& share : scheduler.plan(all, {})) {
      RC_ASSERT(given[share.index] == 0 && share.rows > 0);
      given[share.index] = share.rows;
      owners[all[share.index].owner].given += share.rows;
    }
    std::int64_t rows = 0, wanted = 0;
    for (const OfOwner& owner : owners) {
      rows += owner.given;
      wanted += owner.wanted;
      // Nobody who wants more has less than another, but for what even parts leave over.
      for (const OfOwner& other : owners)
        if (owner.given < owner.wanted) RC_ASSERT(other.given <= owner.given + 1);
    }
    RC_ASSERT(rows == std::min<std::int64_t>(wanted, scheduler.limits().usual_step));
    for (std::size_t i = 0; i < all.size(); ++i) {
      bool oldest = true;
      for (std::size_t j = 0; j < all.size(); ++j) {
        if (all[j].owner != all[i].owner) continue;
        oldest &= all[i].arrival < all[j].arrival || (all[i].arrival == all[j].arrival && i <= j);
      }
      const OfOwner& owner = owners[all[i].owner];
      if (oldest)
        RC_ASSERT(given[i] >= std::min(all[i].demand.rows, (owner.given + 3) / 4));
      else if (given[i] > 0)
        for (std::size_t j = 0; j < all.size(); ++j)
          if (all[j].owner == all[i].owner && all[j].demand.rows < all[i].demand.rows)
            RC_ASSERT(given[j] == all[j].demand.rows);
    }
  }));
}

TEST(Scheduler, AHigherPriorityComesFirst) {
  Scheduler scheduler({.usual_step = 90});
  const std::vector<Runnable> all = {patient(500, 0, 1), patient(50, 7, 1, 2), patient(30, 9, 2, 2),
                                     patient(500, 0, 3, -1)};
  EXPECT_EQ(scheduler.plan(all, {}), (Shares{{1, 49}, {2, 30}, {0, 10}, {3, 1}}));
  // An eighth is left to those below, of whom the same is true.
  const std::vector<Runnable> many = {patient(500, 0, 1, 2), patient(500, 0, 2, 1),
                                      patient(500, 0, 3)};
  EXPECT_EQ(scheduler.plan(many, {}), (Shares{{0, 79}, {1, 10}, {2, 1}}));
}

TEST(Scheduler, ThoseWhoCanWaitStayWithinThePatienceOfTheOthers) {
  EXPECT_TRUE(rc::check([] {
    const double fixed = *rc::gen::inRange(0, 50) * 1e-3;
    const double each = *rc::gen::inRange(1, 50) * 1e-4;
    const double seen = *rc::gen::inRange(0, 20) * 1e-7;
    const auto seconds = [&](const StepLoad& load) {
      return fixed + each * static_cast<double>(load.rows) + seen * static_cast<double>(load.seen);
    };
    Scheduler scheduler(SchedulerLimits{});
    StepCostModel costs;
    std::int64_t depth = 0;
    for (const int rows : {1, 100, 7, 512, 1, 60, 200, 3, 300, 9}) {
      const StepLoad load = load_behind(depth, rows);
      costs.observe(load, seconds(load));
      depth = (depth * 7 + 911) % 16000;
    }
    Runnable prompt = patient(100000);
    prompt.demand.depth = *rc::gen::inRange(0, 16000);
    const double patience = *rc::gen::element(0.01, 0.1, 0.25);
    const auto plan = scheduler.plan(std::vector{urgent(), prompt}, costs, {.patience = patience});
    RC_ASSERT(plan.size() == 2U);
    const double more =
        seconds(load_behind(prompt.demand.depth, plan[1].rows)) - seconds(StepLoad{});
    RC_ASSERT(plan[1].rows == 1 || more <= patience * 1.05);
    // Nor is it needlessly little.
    RC_ASSERT(plan[1].rows == 511 ||
              seconds(load_behind(prompt.demand.depth, plan[1].rows + 2)) - fixed > patience * 0.9);
  }));
}

Runnable encoder(std::int64_t work, std::uint64_t owner = 0) {
  return {{.rows = work, .encodes = true}, 0, owner};
}

TEST(Scheduler, EncodersAndPromptsShareByTime) {
  Scheduler scheduler({.usual_step = 512, .encoded_a_row = 50});
  // Until something is known, by what they are held to be.
  EXPECT_EQ(scheduler.plan(std::vector{encoder(1'000'000)}, {}), (Shares{{0, 512 * 50}}));
  EXPECT_EQ(scheduler.plan(std::vector{patient(1000, 0, 1), encoder(1'000'000, 2)}, {}),
            (Shares{{0, 256}, {1, 256 * 50}}));
  StepCostModel costs;
  for (const StepLoad& load :
       {StepLoad{.rows = 4}, StepLoad{.rows = 4, .encoded = 300}, StepLoad{.rows = 40},
        StepLoad{.rows = 40, .encoded = 100}, StepLoad{.rows = 9}})
    costs.observe(load, 0.01 + 0.001 * static_cast<double>(load.rows) +
                            1e-5 * static_cast<double>(load.encoded));
  // A row takes as long as a hundred of encoders' work.
  EXPECT_NEAR(scheduler.in_rows({.rows = 3, .encoded = 200}, costs), 5, 0.1);
  const Shares plan = scheduler.plan(
      std::vector{urgent(), patient(1000, 0, 1), encoder(1'000'000, 2)}, costs, {.patience = 0.1});
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_NEAR(static_cast<double>(plan[1].rows), 50, 2);
  EXPECT_NEAR(static_cast<double>(plan[2].rows), 5000, 200);
  // Of 1.9 rows each, two are the text's, and the encoder has the rest.
  const Shares few =
      scheduler.plan(std::vector{urgent(), patient(1000, 0, 1), encoder(1'000'000, 2)}, costs,
                     {.patience = 0.0038});
  ASSERT_EQ(few.size(), 3U);
  EXPECT_EQ(few[1], (PlannedShare{1, 2}));
  EXPECT_NEAR(static_cast<double>(few[2].rows), 180, 8);
  // No more than was told, where somebody waits.
  EXPECT_EQ(scheduler.plan(std::vector{urgent(), encoder(1'000'000)}, costs,
                           {.patience = 0.1, .max_encoded = 64}),
            (Shares{{0, 1}, {1, 64}}));
  // A prompt with rows that can't be cut and an encoder take turns.
  const std::vector<IndivisibleRows> whole = {{0, 300}};
  Runnable text{{.rows = 300, .indivisible = whole}, 7};
  EXPECT_EQ(scheduler.plan(std::vector{urgent(), text, encoder(10)}, costs, {.patience = 0.1}),
            (Shares{{0, 1}, {2, 10}}));
}

// A model of an engine: works arrive, are read, and say something; some rows can't be cut.
TEST(Scheduler, EveryoneProgressesWithinTheBudget) {
  EXPECT_TRUE(rc::check([] {
    SchedulerLimits limits;
    limits.usual_step = *rc::gen::inRange(1, 40);
    limits.max_step = 100;
    limits.min_patient_rows = *rc::gen::inRange(1, limits.usual_step + 1);
    Scheduler scheduler(limits);
    StepCostModel costs;
    struct Load {
      std::int64_t prompt;
      std::int64_t answer;
      std::optional<IndivisibleRows> whole;
      std::uint64_t served = 0;
      int idle = 0;
    };
    std::vector<Load> load;
    const auto count = *rc::gen::inRange(1, 30);
    const bool divisible = *rc::gen::arbitrary<bool>();
    for (int i = 0; i < count; ++i) {
      Load l{*rc::gen::inRange(1, 100), *rc::gen::inRange(1, 20), {}};
      if (!divisible && *rc::gen::inRange(0, 3) == 0)
        l.whole = IndivisibleRows{0, std::min<std::int64_t>(l.prompt, 60)};
      load.push_back(l);
    }
    for (std::uint64_t step = 1; !load.empty(); ++step) {
      RC_ASSERT(step < 30 * 120 * 2);
      std::vector<Runnable> runnable;
      for (const Load& l : load) {
        Runnable r{{.rows = l.prompt > 0 ? l.prompt : 1, .urgent = l.prompt == 0}, l.served};
        if (l.whole) r.demand.indivisible = std::span(&*l.whole, 1);
        runnable.push_back(r);
      }
      const Shares plan = scheduler.plan(runnable, costs, kSomebodyWaits);
      RC_ASSERT(!plan.empty());
      std::int64_t rows = 0;
      bool stretched = false;
      for (Load& l : load) ++l.idle;
      for (const PlannedShare& share : plan) {
        Load& l = load.at(share.index);
        RC_ASSERT(share.rows >= 1);
        RC_ASSERT(l.idle > 0);  // once a step
        rows += share.rows;
        l.idle = 0;
        l.served = step;
        if (l.prompt > 0) {
          RC_ASSERT(share.rows <= l.prompt);
          if (l.whole) {
            RC_ASSERT(share.rows >= l.whole->end);
            stretched |= l.whole->end > 1;
            l.whole.reset();
          }
          l.prompt -= share.rows;
        } else {
          RC_ASSERT(share.rows == 1);
          --l.answer;
        }
      }
      RC_ASSERT(rows <= (stretched ? limits.max_step : limits.usual_step));
      // Together with the many before it, none is passed over for long; prompts that can be cut
      // wait for the first of them, which isn't.
      bool first = true;
      for (const Load& l : load) {
        if (l.prompt == 0 || !divisible || std::exchange(first, false))
          RC_ASSERT(l.idle <= 3 * count + 3);
      }
      std::erase_if(load, [](const Load& l) { return l.answer == 0; });
      costs.observe({rows, rows}, 0.005 + 0.0003 * static_cast<double>(rows));
    }
  }));
}

}  // namespace
}  // namespace sirocco
