#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sirocco::bench {

/// What many values come to; all 0 of none.
struct Distribution {
  std::size_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
};

Distribution distribution_of(std::vector<double> values);

/// The smallest value that `part` of them, from 0 to 1, don't exceed (nearest rank). There is one
/// at least, in rising order.
double percentile(std::span<const double> sorted, double part);

}  // namespace sirocco::bench
