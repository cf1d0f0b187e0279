// Jobs on a model that is cut into stages, with several steps under way.

#include <gtest/gtest.h>

#include <vector>

#include "sirocco/pipeline/at_random_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

class Stages : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, Stages,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         test_name_of);

TEST_P(Stages, GiveEachJobWhatItGetsAlone) {
  TinyModel model(GetParam(), 1);
  const auto whole = model.pipeline(small_blocks());
  const std::int32_t layers = whole->info().layers;
  int overlaps = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    std::vector<LayerIndex> cuts;
    for (std::int32_t layer = 1; layer < layers; ++layer)
      if (layer == 1 || (seed + static_cast<std::uint64_t>(layer)) % 2 == 0)
        cuts.emplace_back(layer);
    // Both ends share the vocabulary's head in some of them, in parts of all sizes.
    const std::int64_t panels = (whole->info().vocabulary - 1) / 16;
    const std::int64_t part = seed % 2 == 0 ? panels : 1 + panels / 2;
    const auto staged = seed == 1 ? model.pipeline(small_blocks(), cuts)
                                  : model.sharded(small_blocks(), cuts,
                                                  TokenId(static_cast<std::int32_t>(16 * part)));
    EXPECT_EQ(staged->limits()->max_steps_in_flight, std::ssize(cuts) + 1);
    const std::vector<TextJob> jobs = mixed_jobs(seed, whole->info().vocabulary);
    AtRandom driver(*staged, seed);
    const auto made = driver.run(jobs);
    overlaps += driver.overlaps();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto alone = run_choices(*whole, jobs[i], 64);
      ASSERT_EQ(made[i].choices.size(), alone.size());
      for (std::size_t choice = 0; choice < alone.size(); ++choice)
        EXPECT_EQ(tokens_of(made[i].choices[choice]), tokens_of(alone[choice])) << "job " << i;
    }
    EXPECT_EQ(staged->cache_status().held, 0);
  }
  EXPECT_GT(overlaps, 5);
}

}  // namespace
}  // namespace sirocco
