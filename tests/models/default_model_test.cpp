// The default model on real text against a float reference (tests/golden/README.md, smollm2/).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sirocco/platform/cpu_features.hpp"
#include "sirocco/platform/topology.hpp"
#include "tests/models/npy_testing.hpp"
#include "tests/models/step_runner_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr std::size_t kHead = 64;  // likeliest tokens of a position; the draws from the rest follow

/// What is known of one position: ids and log-probabilities in the reference, and the rest's
/// probability.
struct Reference {
  std::span<const std::int32_t> ids;
  std::span<const float> log_p;
  double rest;
};

struct Agreement {
  double kl = 0;
  int positions = 0;
  int same_top = 0;
  int led = 0;
  int led_same_top = 0;
};

/// The estimator at the head of tools/reference_summary.py.
double kl_divergence(const Reference& r, const std::vector<float>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  const double log_sum = std::log(sum) + largest;
  double head = 0;
  double q_head = 0;
  double drawn = 0;
  for (std::size_t i = 0; i < r.ids.size(); ++i) {
    const double log_q = logits[static_cast<std::size_t>(r.ids[i])] - log_sum;
    const double ratio = r.log_p[i] - log_q;
    if (i < kHead) {
      head += std::exp(static_cast<double>(r.log_p[i])) * ratio;
      q_head += std::exp(log_q);
    } else {
      drawn += ratio - 1 + std::exp(-ratio);
    }
  }
  return head + r.rest * drawn / static_cast<double>(r.ids.size() - kHead) + r.rest - (1 - q_head);
}

class DefaultModel : public ::testing::TestWithParam<KvType> {};

TEST_P(DefaultModel, FollowsTheFloatReferenceOnRealText) {
  const char* path = std::getenv("SIROCCO_TEST_MODEL");
  ASSERT_NE(path, nullptr) << "SIROCCO_TEST_MODEL names the default model's file";
  const std::filesystem::path folder = source_path("tests/golden/smollm2");
  const auto tokens = read_npy_integers(folder / "tokens.npy");
  const auto ids = read_npy_integers(folder / "ids.npy");
  const auto log_p = read_npy_floats(folder / "log_p.npy");
  const auto tail = read_npy_floats(folder / "tail.npy");
  const auto windows = static_cast<int>(tokens.shape[0]);
  const auto window = static_cast<std::size_t>(tokens.shape[1]);
  const auto kept = static_cast<std::size_t>(ids.shape[1]);

  StepRunner::Options options;
  options.isa = best_isa(CpuFeatures::detect());
  options.threads = DeviceTopology::detect().whole().default_threads;
  options.kv_type = GetParam();
  options.block_positions = 32;
  options.sequences = windows;
  options.longest = static_cast<int>(window);
  StepRunner runner(path, options);
  Agreement total;
  for (int w = 0; w < windows; ++w) {
    const std::size_t first = static_cast<std::size_t>(w) * window;
    const auto logits =
        runner.step({{w, token_ids(std::span(tokens.values).subspan(first, window))}});
    for (std::size_t t = 0; t < window; ++t) {
      const std::size_t n = static_cast<std::size_t>(w) * window + t;
      const Reference r{
          {&ids.values[n * kept], kept}, {&log_p.values[n * kept], kept}, tail.values[n]};
      const auto best = std::max_element(logits[t].begin(), logits[t].end()) - logits[t].begin();
      const bool same = best == r.ids[0];
      const bool led = r.log_p[0] - r.log_p[1] >= 0.5f;
      total.kl += kl_divergence(r, logits[t]);
      ++total.positions;
      total.same_top += same;
      total.led += led;
      total.led_same_top += led && same;
    }
  }
  const double kl = total.kl / total.positions;
  const double same = static_cast<double>(total.same_top) / total.positions;
  const double led = static_cast<double>(total.led_same_top) / total.led;
  std::printf(
      "%d positions: KL %.6f, same top token %.2f %%, where the reference leads by 0.5 nat %.2f "
      "%%\n",
      total.positions, kl, 100 * same, 100 * led);
  EXPECT_EQ(total.positions, 2048);
  // The quantized cache costs as much again as the activations.
  EXPECT_LT(kl, GetParam() == KvType::kF16 ? 0.0012 : 0.0019);
  EXPECT_GE(same, 0.965);
  EXPECT_GE(led, 0.995);
}

INSTANTIATE_TEST_SUITE_P(Caches, DefaultModel, ::testing::Values(KvType::kF16, KvType::kQ8_0),
                         [](const auto& type) {
                           const auto& traits = kv_types()[static_cast<std::size_t>(type.param)];
                           return std::string(traits.name);
                         });

}  // namespace
}  // namespace sirocco::testing
