#include "bench/serving/percentiles.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sirocco::bench {

double percentile(std::span<const double> sorted, double part) {
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Distribution distribution_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {.count = values.size(),
          .mean = std::reduce(values.begin(), values.end()) / static_cast<double>(values.size()),
          .p50 = percentile(values, 0.50),
          .p95 = percentile(values, 0.95),
          .p99 = percentile(values, 0.99),
          .max = values.back()};
}

}  // namespace sirocco::bench
