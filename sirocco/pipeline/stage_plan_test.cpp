#include "sirocco/pipeline/stage_plan.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

LayerCosts even(int layers, std::uint64_t each, std::uint64_t head = 0) {
  LayerCosts costs;
  costs.layers.assign(static_cast<std::size_t>(layers), {each, each, each});
  costs.head = {head, head, head};
  return costs;
}

std::vector<std::int32_t> ends(const std::vector<PlannedStage>& stages) {
  std::vector<std::int32_t> out;
  for (const PlannedStage& stage : stages) out.push_back(stage.end);
  return out;
}

TEST(StagePlan, EvenMachinesGetEvenParts) {
  const std::vector<StageDevice> three(3);
  EXPECT_EQ(ends(plan_stages(even(30, 10), three, {})), (std::vector<std::int32_t>{10, 20, 30}));
}

TEST(StagePlan, SpeedsOfOneMachineThatDifferByChanceAreOne) {
  std::vector<StageDevice> devices = {{.bytes_per_second = 16, .machine = "a"},
                                      {.bytes_per_second = 17, .machine = "b"},
                                      {.bytes_per_second = 18, .machine = "a"},
                                      {.bytes_per_second = 40, .machine = "a"},
                                      {.bytes_per_second = 44, .machine = "a"}};
  level_speeds(devices);
  std::vector<double> speeds;
  for (const StageDevice& device : devices) speeds.push_back(device.bytes_per_second);
  EXPECT_EQ(speeds, (std::vector<double>{17, 17, 17, 42, 42}));
}

TEST(StagePlan, TheHeadOfAModelWeighsAtItsEnd) {
  const std::vector<StageDevice> two(2);
  // A head as heavy as ten layers: answers alone would want 20 layers before it, prompts 15, and
  // gain a fifth less.
  EXPECT_EQ(ends(plan_stages(even(30, 10, 100), two, {})), (std::vector<std::int32_t>{15, 30}));
  EXPECT_EQ(ends(plan_stages(even(30, 10, 300), two, {})), (std::vector<std::int32_t>{17, 30}));
}

LayerCosts with_vocabulary(LayerCosts costs, std::int64_t vocabulary) {
  costs.vocabulary = vocabulary;
  costs.head_row_bytes = costs.head.bytes / static_cast<std::uint64_t>(vocabulary);
  return costs;
}

TEST(StagePlan, EndsOnOneMachineShareTheVocabulary) {
  std::vector<StageDevice> two(2);
  const LayerCosts costs = with_vocabulary(even(30, 10, 128), 128);
  auto stages = plan_stages(costs, two, {});
  EXPECT_EQ(ends(stages), (std::vector<std::int32_t>{15, 30}));
  EXPECT_EQ(stages[0].shard, (VocabularyRange{TokenId(0), TokenId(64)}));
  EXPECT_EQ(stages[1].shard, (VocabularyRange{TokenId(64), TokenId(128)}));
  EXPECT_EQ(stages[0].weight_bytes, 150U + 64);
  EXPECT_EQ(stages[1].weight_bytes, 150U + 64);
  EXPECT_EQ(bytes_read(costs, stages[1]), 150U + 64);
  two[1].machine = "another";
  EXPECT_FALSE(plan_stages(costs, two, {})[1].shard);
  EXPECT_TRUE(plan_stages(costs, two, {}, LmHeadPlace::kEnds)[1].shard);
  two[1].machine.clear();
  EXPECT_FALSE(plan_stages(costs, two, {}, LmHeadPlace::kTail)[0].shard);
  EXPECT_FALSE(plan_stages(costs, std::vector<StageDevice>(1), {})[0].shard);
}

TEST(StagePlan, TheShareEvensOutWhatTheCutLeaves) {
  const LayerCosts costs = with_vocabulary(even(30, 10, 128), 128);
  const auto shard_at = [&](std::int32_t cut, const std::vector<StageDevice>& devices) {
    const std::vector<LayerIndex> cuts = {LayerIndex(cut)};
    const auto stages = stages_of_cuts(costs, devices, cuts, {});
    return stages[0].shard ? stages[0].shard->end.value() : 0;
  };
  const std::vector<StageDevice> two(2);
  EXPECT_EQ(shard_at(17, two), 48);  // 170 and 44, 130 and 84, in panels of 16 rows
  EXPECT_EQ(shard_at(22, two), 0);   // the head stage has more without
  EXPECT_EQ(shard_at(2, two), 112);  // the tail keeps a panel
  // A machine three times as fast takes three times as much.
  EXPECT_EQ(shard_at(15, {{.bytes_per_second = 1}, {.bytes_per_second = 3}}), 0);
  EXPECT_EQ(shard_at(5, {{.bytes_per_second = 1}, {.bytes_per_second = 3}}), 64);
}

TEST(StagePlan, ATiedTableIsAtTheHeadStageAnyway) {
  LayerCosts costs = with_vocabulary(even(30, 10, 128), 128);
  costs.embedding = {128, 0, 0};
  costs.tied_bytes = 128;
  const auto stages = plan_stages(costs, std::vector<StageDevice>(2), {});
  ASSERT_TRUE(stages[0].shard);
  EXPECT_EQ(stages[0].weight_bytes, 150U + 128);
  EXPECT_EQ(stages[1].weight_bytes, 150U + 64);
  EXPECT_EQ(bytes_read(costs, stages[0]), 150U + 64);
}

TEST(StagePlan, WhatDoesNotFitIsNotShared) {
  const LayerCosts costs = with_vocabulary(even(30, 10, 128), 128);
  const std::vector<StageDevice> small = {{.memory = 160}, {}};
  const auto stages = plan_stages(costs, small, {});
  EXPECT_EQ(ends(stages), (std::vector<std::int32_t>{15, 30}));
  EXPECT_FALSE(stages[0].shard);
  EXPECT_EQ(stages[1].weight_bytes, 150U + 128);
}

TEST(StagePlan, AFasterMachineGetsMore) {
  const std::vector<StageDevice> uneven = {{.bytes_per_second = 1}, {.bytes_per_second = 3}};
  EXPECT_EQ(ends(plan_stages(even(40, 10), uneven, {})), (std::vector<std::int32_t>{10, 40}));
}

TEST(StagePlan, WhatFitsNowhereIsRefusedWithTheFigures) {
  const std::vector<StageDevice> small = {{.memory = 100}, {.memory = 250}};
  EXPECT_EQ(ends(plan_stages(even(30, 10), small, std::vector<std::uint64_t>(30, 1))),
            (std::vector<std::int32_t>{9, 30}));
  try {
    plan_stages(even(30, 10), small, std::vector<std::uint64_t>(30, 2));
    FAIL();
  } catch (const ResourceExhausted& e) {
    EXPECT_STREQ(e.what(),
                 "no cut into 2 stages fits: weights and cache are 360 bytes, the devices have 350 "
                 "in all");
  }
  EXPECT_THROW(plan_stages(even(2, 1), std::vector<StageDevice>(3), {}), InvalidArgument);
}

TEST(StagePlan, CutsByHand) {
  const std::vector<StageDevice> three(3);
  const std::vector<LayerIndex> cuts = {LayerIndex(3), LayerIndex(4)};
  const std::vector<std::uint64_t> caches = {1, 1, 1, 7, 2, 2, 2, 2, 2, 3};
  const auto stages = stages_of_cuts(even(10, 10, 5), three, cuts, caches);
  EXPECT_EQ(ends(stages), (std::vector<std::int32_t>{3, 4, 10}));
  EXPECT_EQ(cuts_of(stages), cuts);
  EXPECT_EQ(stages[2].weight_bytes, 65U);
  EXPECT_EQ(stages[0].cache_bytes, 3U);
  EXPECT_EQ(stages[1].cache_bytes, 7U);
  EXPECT_EQ(stages[2].cache_bytes, 13U);
  for (const std::vector<std::int32_t>& bad : {std::vector<std::int32_t>{4, 4}, {0, 5}, {5, 10}}) {
    const std::vector<LayerIndex> wrong = {LayerIndex(bad[0]), LayerIndex(bad[1])};
    EXPECT_THROW(stages_of_cuts(even(10, 10), three, wrong, {}), InvalidArgument);
  }
}

TEST(StagePlan, NoCutIsBetter) {
  EXPECT_TRUE(rc::check([] {
    LayerCosts costs;
    costs.layers.resize(*rc::gen::inRange<std::size_t>(1, 9));
    for (PartCost& layer : costs.layers) {
      layer.products = *rc::gen::inRange<std::uint64_t>(1, 50);
      layer.bytes = layer.products * *rc::gen::inRange<std::uint64_t>(1, 4);
    }
    costs.head = {30, 30, 30};
    costs.vocabulary = *rc::gen::element<std::int64_t>(0, 16, 30, 1000);
    if (costs.vocabulary > 0)
      costs.head_row_bytes = 30 / static_cast<std::uint64_t>(costs.vocabulary);
    if (*rc::gen::arbitrary<bool>()) costs.tied_bytes = 1;
    costs.embedding = {*rc::gen::inRange<std::uint64_t>(0, 60), 0, 0};
    std::vector<StageDevice> devices(*rc::gen::inRange<std::size_t>(1, costs.layers.size() + 1));
    for (StageDevice& device : devices) {
      device.bytes_per_second = *rc::gen::inRange(1, 5);
      device.memory = *rc::gen::inRange<std::uint64_t>(50, 900);
    }
    const auto cache = *rc::gen::container<std::vector<std::uint64_t>>(
        costs.layers.size(), rc::gen::inRange<std::uint64_t>(0, 10));
    double least = std::numeric_limits<double>::infinity();
    std::vector<LayerIndex> cuts;
    const std::function<void(std::int32_t)> try_all = [&](std::int32_t from) {
      if (cuts.size() + 1 < devices.size()) {
        for (std::int32_t cut = from + 1; cut < std::ssize(costs.layers); ++cut) {
          cuts.emplace_back(cut);
          try_all(cut);
          cuts.pop_back();
        }
        return;
      }
      double slowest = 0;
      const auto stages = stages_of_cuts(costs, devices, cuts, cache);
      for (std::size_t i = 0; i < stages.size(); ++i) {
        if (stages[i].weight_bytes + stages[i].cache_bytes > devices[i].memory) return;
        slowest = std::max(slowest, stage_weight(costs, stages[i], devices[i]));
      }
      least = std::min(least, slowest);
    };
    try_all(0);
    if (least == std::numeric_limits<double>::infinity()) {
      RC_ASSERT_THROWS_AS(plan_stages(costs, devices, cache), ResourceExhausted);
      return;
    }
    double slowest = 0;
    const auto planned = plan_stages(costs, devices, cache);
    for (std::size_t i = 0; i < planned.size(); ++i)
      slowest = std::max(slowest, stage_weight(costs, planned[i], devices[i]));
    RC_ASSERT(slowest == least);
  }));
}

}  // namespace
}  // namespace sirocco
