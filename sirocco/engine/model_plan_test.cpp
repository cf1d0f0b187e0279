#include "sirocco/engine/model_plan.hpp"

#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Ten layers of 100 bytes, which keep 64 bytes of a position each, for 1,024 positions.
ModelOutline ten_layers() {
  ModelOutline model;
  model.info.layers = 10;
  model.info.context_length = 1024;
  model.costs.layers.assign(10, {100, 100, 100});
  model.caches.assign(10, {CacheKind::kFull, {.kv_heads = 1, .key_dim = 16, .value_dim = 16}});
  return model;
}

constexpr std::uint64_t kWholeContext = 64 * 1024;  // of one layer

TEST(CutModel, CountsTheCacheOfEachLayer) {
  const std::vector<StageDevice> two = {{.memory = 3 * (kWholeContext + 100)}, {}};
  const auto stages = cut_model(ten_layers(), {}, two, {});
  EXPECT_EQ(stages[0].end, 3);
  EXPECT_EQ(stages[0].cache_bytes, 3 * kWholeContext);
  EXPECT_EQ(stages[1].cache_bytes, 7 * kWholeContext);
}

TEST(CutModel, TakesLessContextWhereTheWholeFitsNowhere) {
  const std::uint64_t half = 5 * (kWholeContext / 2 + 100);
  const std::vector<StageDevice> two = {{.memory = half}, {.memory = half}};
  const auto stages = cut_model(ten_layers(), {}, two, {});
  EXPECT_EQ(stages[0].end, 5);
  EXPECT_LE(stages[0].cache_bytes, half);
  EXPECT_GT(stages[0].cache_bytes, half / 2);
  // Fewer sequences first.
  LanguagePipelineOptions options;
  options.cache_sequences = 4;
  const std::uint64_t two_sequences = 5 * (kWholeContext * 2 + 100);
  const std::vector<StageDevice> larger = {{.memory = two_sequences}, {.memory = two_sequences}};
  EXPECT_EQ(cut_model(ten_layers(), options, larger, {})[0].cache_bytes, 10 * kWholeContext);
}

TEST(CutModel, RefusesWhatWasAskedForAndDoesNotFit) {
  LanguagePipelineOptions options;
  options.context = 1024;
  const std::uint64_t half = 5 * (kWholeContext / 2 + 100);
  const std::vector<StageDevice> two = {{.memory = half}, {.memory = half}};
  EXPECT_THROW(cut_model(ten_layers(), options, two, {}), ResourceExhausted);
  const std::vector<StageDevice> tiny = {{.memory = 10}, {.memory = 10}};
  EXPECT_THROW(cut_model(ten_layers(), {}, tiny, {}), ResourceExhausted);
}

TEST(CutModel, CutsByHandAreTaken) {
  const std::vector<StageDevice> two(2);
  const std::vector<LayerIndex> cuts = {LayerIndex(9)};
  EXPECT_EQ(cut_model(ten_layers(), {}, two, cuts)[0].end, 9);
}

}  // namespace
}  // namespace sirocco
