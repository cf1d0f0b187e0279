#include "sirocco/pipeline/logit_scan.hpp"

#include <array>
#include <bit>

#include "sirocco/base/checked.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kLanes = 16;
using Lanes = std::array<float, kLanes>;
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kNone = -std::numeric_limits<float>::infinity();

// e^x for x <= 0, or 0 below e^-87.3 and for NaN: 2^n · e^r with |r| <= ln(2)/2, Taylor to r^7.
// In floats and integers without a choice, so that it works on vectors.
inline float exp_of(float x) {
  constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer
  // Magnitudes in the order of their bits, NaN above all.
  constexpr auto kFar = std::bit_cast<std::int32_t>(200.0f);
  x = -std::bit_cast<float>(std::min(std::bit_cast<std::int32_t>(x) & 0x7FFFFFFF, kFar));
  const float n = (x * 0x1.715476p+0f + kRound) - kRound;
  const float r = (x - n * 0x1.62e400p-1f) - n * 0x1.7f7d1cp-20f;
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  // An exponent of 0 is the number 0.
  const std::int32_t exponent = std::max(static_cast<std::int32_t>(n) + 127, 0);
  return sum * std::bit_cast<float>(exponent << 23);
}

struct BlockScan {
  float largest;  ///< -infinity where all are NaN
  float sum;      ///< NaN where one is, or infinities of both signs
};

BlockScan scan_block(std::span<const float> values) {
  constexpr std::size_t kWide = 32;  // so that steps needn't wait for each other
  std::array<float, kWide> largest;
  largest.fill(kNone);
  std::array<float, kWide> sums{};
  // A comparison with NaN is false and keeps what there is; a sum keeps the NaN.
  const auto take = [&](std::size_t lane, float value) {
    largest[lane] = value > largest[lane] ? value : largest[lane];
    sums[lane] += value;
  };
  std::size_t i = 0;
  for (; i + kWide <= values.size(); i += kWide)
    for (std::size_t lane = 0; lane < kWide; ++lane) take(lane, values[i + lane]);
  for (; i < values.size(); ++i) take(0, values[i]);
  for (std::size_t half = kWide / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) {
      largest[lane] = std::max(largest[lane], largest[lane + half]);
      sums[lane] += sums[lane + half];
    }
  }
  return {largest[0], sums[0]};
}

}  // namespace

HighestLogit find_highest(std::span<const float> logits, std::vector<float>& maxima) {
  maxima.resize(ceil_div(logits.size(), kLogitBlock));
  float highest = kNone;
  float total = 0.0f;
  for (std::size_t block = 0; block < maxima.size(); ++block) {
    const auto values = logits.subspan(block * kLogitBlock)
                            .first(std::min(kLogitBlock, logits.size() - block * kLogitBlock));
    const BlockScan found = scan_block(values);
    maxima[block] = found.largest;
    highest = std::max(highest, found.largest);
    total += found.sum;
  }
  // A sum may also be none for the infinities in it: then they are looked at one by one.
  const bool all_numbers =
      total == total || std::ranges::all_of(logits, [](float logit) { return logit == logit; });
  if (highest == kNone) return {kNone, 0, all_numbers};
  const auto block = static_cast<std::size_t>(std::ranges::find(maxima, highest) - maxima.begin());
  const auto at = std::find(logits.begin() + static_cast<std::ptrdiff_t>(block * kLogitBlock),
                            logits.end(), highest);
  return {highest, static_cast<std::int32_t>(at - logits.begin()), all_numbers};
}

bool make_distribution(std::span<const float> logits) {
  const auto counts = [](float logit) { return logit <= kLargest; };
  return std::ranges::all_of(logits, counts) &&
         std::ranges::any_of(logits, [](float logit) { return logit > kNone; });
}

double weigh_all(std::span<const float> logits, float highest, double inverse_temperature,
                 std::vector<float>& weights, std::vector<double>& sums) {
  // Finite, so that 0 times it is 0.
  const auto inverse = static_cast<float>(std::min(inverse_temperature, double{kLargest}));
  weights.resize(logits.size());
  sums.resize(ceil_div(logits.size(), kLogitBlock));
  double total = 0.0;
  for (std::size_t block = 0; block < sums.size(); ++block) {
    const std::size_t begin = block * kLogitBlock;
    const std::size_t count = std::min(logits.size() - begin, kLogitBlock);
    const float* const in = logits.data() + begin;
    float* const out = weights.data() + begin;
    for (std::size_t i = 0; i < count; ++i) out[i] = exp_of((in[i] - highest) * inverse);
    Lanes lanes{};
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += out[i + lane];
    for (; i < count; ++i) lanes[0] += out[i];
    double sum = 0.0;
    for (const float lane : lanes) sum += double{lane};
    sums[block] = sum;
    total += sum;
  }
  return total;
}

std::int32_t pick_weighted(double u, double total, std::span<const float> weights,
                           std::span<const double> sums) {
  const double target = u * total;
  double before = 0.0;
  std::size_t chosen = 0;
  for (std::size_t block = 0; block < sums.size(); ++block) {
    if (sums[block] == 0.0) continue;
    chosen = block;
    if (before + sums[block] > target) break;
    before += sums[block];
  }
  const std::size_t begin = chosen * kLogitBlock;
  const auto block = weights.subspan(begin, std::min(kLogitBlock, weights.size() - begin));
  // The block's own sum again, one by one: the lanes' may be larger, and would favour the last.
  double own = 0.0;
  for (const float weight : block) own += double{weight};
  const double within = (target - before) / sums[chosen] * own;
  double sum = 0.0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i] == 0.0f) continue;
    sum += double{block[i]};
    last = i;
    if (sum > within) break;
  }
  return static_cast<std::int32_t>(begin + last);
}

}  // namespace sirocco
