#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace sirocco {

/// Observed values counted by size. `observe` and `snapshot` are thread-safe and don't block; what
/// is observed during a snapshot is in it or not.
class Histogram {
 public:
  /// `bounds` ascend: bucket i counts values up to bounds[i] that no bucket before it does, and a
  /// last one the rest.
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);

  struct Snapshot {
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;  ///< one more than bounds
    double sum = 0;

    std::uint64_t count() const;
  };
  Snapshot snapshot() const;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_ = 0;
};

/// Bounds from `first` on, each `factor` times the one before it.
std::vector<double> growing_bounds(double first, double factor, int count);

}  // namespace sirocco
