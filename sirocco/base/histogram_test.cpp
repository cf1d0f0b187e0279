#include "sirocco/base/histogram.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

namespace sirocco {
namespace {

using Counts = std::vector<std::uint64_t>;

TEST(Histogram, ABoundBelongsToTheBucketBelowIt) {
  Histogram histogram({1, 2, 4});
  for (const double value : {0.5, 1.0, 1.5, 2.0, 4.0, 4.5, 100.0}) histogram.observe(value);
  const Histogram::Snapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.counts, (Counts{2, 2, 1, 2}));
  EXPECT_EQ(snapshot.count(), 7U);
  EXPECT_DOUBLE_EQ(snapshot.sum, 113.5);
}

TEST(Histogram, GrowingBounds) {
  EXPECT_EQ(growing_bounds(0.5, 2, 4), (std::vector<double>{0.5, 1, 2, 4}));
  EXPECT_TRUE(growing_bounds(0.5, 2, 0).empty());
}

TEST(Histogram, ThreadsLoseNothing) {
  Histogram histogram(growing_bounds(1, 2, 5));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) histogram.observe(i % 7);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.snapshot().count(), 4000U);
}

}  // namespace
}  // namespace sirocco
