#include "sirocco/pipeline/logit_scan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::uint64_t seed, std::size_t count, double spread) {
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(static_cast<float>((uniform(seed, i, 0) - 0.5) * spread));
  return out;
}

TEST(LogitScan, FindsTheFirstOfTheHighestAndEachBlocks) {
  for (const std::size_t count : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 255u, 256u, 257u, 5000u}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::vector<float> logits = random_logits(seed, count, 8);
      for (float& logit : logits) logit = std::floor(logit);  // ties
      for (std::size_t i = seed; i < count; i += 7 + seed) logits[i] = kNan;
      std::vector<float> maxima;
      const HighestLogit found = find_highest(logits, maxima);
      HighestLogit expected;
      expected.all_numbers = seed >= count;
      std::vector<float> expected_maxima((count + kLogitBlock - 1) / kLogitBlock, -kInf);
      for (std::size_t i = 0; i < count; ++i) {
        if (logits[i] > expected.logit)
          expected = {logits[i], static_cast<std::int32_t>(i), expected.all_numbers};
        if (logits[i] > expected_maxima[i / kLogitBlock])
          expected_maxima[i / kLogitBlock] = logits[i];
      }
      ASSERT_EQ(found.id, expected.id) << count << " " << seed;
      ASSERT_EQ(found.logit, expected.logit);
      ASSERT_EQ(found.all_numbers, expected.all_numbers) << count << " " << seed;
      ASSERT_EQ(maxima, expected_maxima);
    }
  }
}

TEST(LogitScan, WeighsAsTheExponentialDoes) {
  for (const double inverse : {1.0, 0.25, 3.0, 1e38, 1e300}) {
    std::vector<float> logits = random_logits(5, 3001, 120);
    logits[17] = kNan;
    logits[18] = -kInf;
    logits[19] = -std::numeric_limits<float>::max();
    std::vector<float> maxima;
    std::vector<float> weights;
    std::vector<double> sums;
    const float highest = find_highest(logits, maxima).logit;
    const double total = weigh_all(logits, highest, inverse, weights, sums);
    double expected_total = 0.0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      // The difference of two floats, as a float: what it rounds is no part of the claim.
      const double exact = std::exp(double{logits[i] - highest} * std::min(inverse, 3e38));
      const double expected = exact < 1.2e-38 || std::isnan(logits[i]) ? 0.0 : exact;
      ASSERT_NEAR(weights[i], expected, 1e-5 * expected + 2e-38) << logits[i] - highest;
      expected_total += expected;
    }
    EXPECT_NEAR(total, expected_total, 1e-6 * expected_total);
  }
}

TEST(LogitScan, NothingWeighsBesideTheLargestNumber) {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<float> logits = {1,     largest, -largest, std::nextafter(largest, 0.0f),
                                     -kInf, largest};
  std::vector<float> maxima;
  std::vector<float> weights;
  std::vector<double> sums;
  const HighestLogit highest = find_highest(logits, maxima);
  EXPECT_EQ(highest.id, 1);
  EXPECT_EQ(weigh_all(logits, highest.logit, 1e-3, weights, sums), 2.0);
  EXPECT_EQ(weights, (std::vector<float>{0, 1, 0, 0, 0, 1}));
}

TEST(LogitScan, InfinitiesAreNumbers) {
  std::vector<float> logits(700, 1.0f);
  std::vector<float> maxima;
  logits[3] = kInf;
  logits[690] = -kInf;
  EXPECT_TRUE(find_highest(logits, maxima).all_numbers);
  logits[400] = kNan;
  EXPECT_FALSE(find_highest(logits, maxima).all_numbers);
  const std::vector<float> large(700, std::numeric_limits<float>::max());
  EXPECT_TRUE(find_highest(large, maxima).all_numbers);
}

TEST(LogitScan, KnowsWhatADistributionFollowsFrom) {
  EXPECT_TRUE(make_distribution(std::vector<float>{1, -kInf, 2}));
  EXPECT_FALSE(make_distribution(std::vector<float>{1, kNan, 2}));
  EXPECT_FALSE(make_distribution(std::vector<float>{1, kInf}));
  EXPECT_FALSE(make_distribution(std::vector<float>{-kInf, -kInf}));
}

TEST(LogitScan, PicksWhereTheRunningSumPassesTheFraction) {
  std::vector<float> logits = random_logits(9, 2000, 6);
  for (std::size_t i = 300; i < 900; ++i) logits[i] = -kInf;  // whole blocks without weight
  std::vector<float> maxima;
  std::vector<float> weights;
  std::vector<double> sums;
  const double total = weigh_all(logits, find_highest(logits, maxima).logit, 1, weights, sums);
  double before = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double own = double{weights[i]};
    if (own > 0.0) {
      const double middle = (before + own / 2) / total;
      ASSERT_EQ(pick_weighted(middle, total, weights, sums), static_cast<std::int32_t>(i));
    }
    before += own;
  }
  EXPECT_EQ(pick_weighted(0.0, total, weights, sums), 0);
  EXPECT_EQ(pick_weighted(1.0 - 0x1p-53, total, weights, sums), 1999);
}

}  // namespace
}  // namespace sirocco
