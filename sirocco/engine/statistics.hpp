#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "sirocco/base/histogram.hpp"
#include "sirocco/base/seconds.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// What an engine counts of one pipeline from its adding on. Written by the thread that drives and
/// by those that submit, read by anyone; each figure is right, those of one moment needn't agree.
struct LaneStatistics {
  std::atomic<std::int64_t> queued = 0;
  std::atomic<std::int64_t> active = 0;
  std::array<std::atomic<std::uint64_t>, kFinishReasons> finished = {};  ///< by reason
  std::atomic<std::uint64_t> prompt_rows = 0;     ///< of requests that were begun
  std::atomic<std::uint64_t> cached_rows = 0;     ///< of these, found in the prefix cache
  std::atomic<std::uint64_t> generated_rows = 0;  ///< of requests that have ended

  Histogram queue_seconds{growing_bounds(0.001, 2, 18)};  ///< from submission to admission
  Histogram first_seconds{growing_bounds(0.001, 2, 18)};  ///< from submission to the first event
  Histogram gap_seconds{growing_bounds(0.001, 2, 14)};    ///< from one event to the next
  Histogram step_seconds{growing_bounds(0.001, 2, 14)};
  Histogram step_works{growing_bounds(1, 2, 10)};  ///< that took part in a step
  Histogram step_rows{growing_bounds(1, 2, 14)};

  CacheStatus cache() const {
    const std::lock_guard lock(mutex_);
    return cache_;
  }
  void set_cache(const CacheStatus& cache) {
    const std::lock_guard lock(mutex_);
    cache_ = cache;
  }

 private:
  mutable std::mutex mutex_;
  CacheStatus cache_;
};

/// The places of those who wait for an engine to begin with what they submitted, over all lanes.
/// Thread-safe.
class WaitingRoom {
 public:
  WaitingRoom(std::size_t max_requests, std::size_t max_of_owner)
      : max_requests_(max_requests), max_of_owner_(max_of_owner) {}

  /// Throws Busy when all places are taken, or all that one owner may have.
  void enter(std::uint64_t owner);
  void leave(std::uint64_t owner);
  std::size_t size() const;

 private:
  const std::size_t max_requests_;
  const std::size_t max_of_owner_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> of_owner_;
  std::size_t size_ = 0;
};

}  // namespace sirocco
