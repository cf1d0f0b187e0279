#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace sirocco {

/// The passes of sampling over a whole vocabulary. All are plain loops over a number of
/// lanes, which compilers turn into vectors; their results are the same bits with any.

constexpr std::size_t kLogitBlock = 256;  ///< logits of a block; the last one may be shorter

struct HighestLogit {
  float logit = -std::numeric_limits<float>::infinity();
  std::int32_t id = 0;      ///< the first of those that have it; 0 when all are -infinity or NaN
  bool all_numbers = true;  ///< none is NaN
};

/// `maxima` become the largest of each block, or -infinity where all are NaN.
HighestLogit find_highest(std::span<const float> logits, std::vector<float>& maxima);

/// Whether a distribution follows from logits: none is NaN or +infinity, not all are -infinity.
bool make_distribution(std::span<const float> logits);

/// body(id, logit) for each logit of at least `least`, which isn't -infinity, in the order of
/// ids. `maxima` are those of find_highest.
template <class Body>
void for_logits_from(float least, std::span<const float> logits, std::span<const float> maxima,
                     Body body) {
  for (std::size_t block = 0; block < maxima.size(); ++block) {
    if (!(maxima[block] >= least)) continue;
    const std::size_t end = std::min(logits.size(), (block + 1) * kLogitBlock);
    for (std::size_t i = block * kLogitBlock; i < end; ++i)
      if (logits[i] >= least) body(static_cast<std::int32_t>(i), logits[i]);
  }
}

/// `weights` become e^((logit - highest) · inverse_temperature), to within 1e-6 of themselves, or
/// 0 below e^-87; `sums` those of each block. Returns the sum of all. `highest` is finite.
double weigh_all(std::span<const float> logits, float highest, double inverse_temperature,
                 std::vector<float>& weights, std::vector<double>& sums);

/// The id at which the running sum of the weights passes the fraction `u` of all; of some weight
/// above 0. `total` and `sums` are those of weigh_all; at least one weight is above 0.
std::int32_t pick_weighted(double u, double total, std::span<const float> weights,
                           std::span<const double> sums);

}  // namespace sirocco
