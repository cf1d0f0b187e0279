#include "sirocco/base/histogram.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  SIROCCO_CHECK(std::ranges::is_sorted(bounds_));
}

void Histogram::observe(double value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out{bounds_, {}, sum_.load(std::memory_order_relaxed)};
  out.counts.reserve(counts_.size());
  for (const auto& count : counts_) out.counts.push_back(count.load(std::memory_order_relaxed));
  return out;
}

std::uint64_t Histogram::Snapshot::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::vector<double> growing_bounds(double first, double factor, int count) {
  std::vector<double> out;
  for (double bound = first; std::ssize(out) < count; bound *= factor) out.push_back(bound);
  return out;
}

}  // namespace sirocco
