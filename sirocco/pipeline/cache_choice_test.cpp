#include "sirocco/pipeline/cache_choice.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::uint64_t kKiB = 1024;

/// Layers that keep 64 bytes of a position each.
CacheLayout layers(std::int32_t first, int count) {
  const CacheNeed need = {CacheKind::kFull, {.kv_heads = 1, .key_dim = 16, .value_dim = 16}};
  return CacheLayout(LayerIndex(first), std::vector(static_cast<std::size_t>(count), need));
}

/// A model for 1,024 positions, cut into a stage of one layer and one of three.
class CacheChoices : public ::testing::Test {
 protected:
  CacheChoices() { info_.context_length = 1024; }
  CacheChoice choose(std::vector<CacheRoom> rooms) const {
    return choose_cache(info_, options_, layouts_, rooms);
  }

  ModelInfo info_;
  LanguagePipelineOptions options_;
  CacheLayout head_ = layers(0, 1);
  CacheLayout tail_ = layers(1, 3);
  std::vector<const CacheLayout*> layouts_ = {&head_, &tail_};
};

TEST_F(CacheChoices, TheModelsOwnContextWhereThereIsRoom) {
  const CacheChoice choice = choose({{64 * kKiB}, {192 * kKiB}});
  EXPECT_EQ(choice.context, 1024);
  EXPECT_EQ(choice.options.positions, 1024);
}

TEST_F(CacheChoices, TheTightestStageDecides) {
  const std::int32_t context = choose({{64 * kKiB}, {191 * kKiB}}).context;
  EXPECT_LT(context, 1024);
  EXPECT_GE(context, 896);
  EXPECT_EQ(choose({{63 * kKiB}, {1000 * kKiB}}).context, context);
}

TEST_F(CacheChoices, StagesOfOneBudgetShareIt) {
  ByteLedger one(512 * kKiB);
  ByteLedger other(511 * kKiB);
  EXPECT_EQ(choose({usual_cache_room(one), usual_cache_room(one)}).context, 1024);
  EXPECT_LT(choose({usual_cache_room(other), usual_cache_room(other)}).context, 1024);
  EXPECT_EQ(choose({usual_cache_room(one), usual_cache_room(other)}).context, 1024);
}

TEST_F(CacheChoices, HalfOfABudgetAndNoMoreThanIsLeft) {
  ByteLedger ledger(1000);
  EXPECT_EQ(usual_cache_room(ledger).bytes, 500U);
  const auto held = ledger.reserve(700, "weights");
  EXPECT_EQ(usual_cache_room(ledger).bytes, 300U);
}

TEST_F(CacheChoices, AsManySequencesAsFit) {
  options_.cache_sequences = 16;
  EXPECT_EQ(choose({{64 * 5 * kKiB}, {192 * 9 * kKiB}}).options.positions, 5 * 1024);
  EXPECT_EQ(choose({{64 * 50 * kKiB}, {192 * 90 * kKiB}}).options.positions, 16 * 1024);
  options_.cache_budget = 256 * 3 * kKiB;
  EXPECT_EQ(choose({{64 * 50 * kKiB}, {192 * 90 * kKiB}}).options.positions, 3 * 1024);
}

TEST_F(CacheChoices, WhatIsAskedForIsTaken) {
  options_.context = 4096;
  options_.cache_positions = 5000;
  const CacheChoice choice = choose({{1}, {1}});
  EXPECT_EQ(choice.context, 4096);
  EXPECT_EQ(choice.options.positions, 5000);
  info_.position_limit = 4095;
  EXPECT_THROW(choose({{1}, {1}}), InvalidArgument);
  options_.context = -1;
  EXPECT_THROW(choose({{1}, {1}}), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
