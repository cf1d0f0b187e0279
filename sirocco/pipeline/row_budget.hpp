#pragma once

#include <algorithm>
#include <cstdint>

namespace sirocco {

/// rows_within is how many of `left` rows, that cost `each`, are done next within a budget: all of
/// them, or so many as products take together well; fewer where there is room for no more. Where
/// there is room for none, it is one if something `has_to` be done.
inline std::int64_t rows_within(double budget, double each, std::int64_t left, bool has_to) {
  constexpr std::int64_t kTogether = 8;
  if (static_cast<double>(left) * each <= budget) return left;
  auto count = static_cast<std::int64_t>(std::max(budget / each, 0.0));
  if (count >= kTogether) count -= count % kTogether;
  return count == 0 && has_to ? 1 : count;
}

}  // namespace sirocco
