#include "bench/serving/percentiles.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace sirocco::bench {
namespace {

TEST(Percentiles, OfAHundred) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Distribution d = distribution_of(values);
  EXPECT_EQ(d.count, 100u);
  EXPECT_EQ(d.mean, 50.5);
  EXPECT_EQ(d.p50, 50);
  EXPECT_EQ(d.p95, 95);
  EXPECT_EQ(d.p99, 99);
  EXPECT_EQ(d.max, 100);
}

TEST(Percentiles, OfFew) {
  EXPECT_EQ(distribution_of({}).count, 0u);
  EXPECT_EQ(distribution_of({}).p99, 0);
  const Distribution one = distribution_of({7});
  EXPECT_EQ(one.p50, 7);
  EXPECT_EQ(one.p99, 7);
  EXPECT_EQ(distribution_of({1, 9}).p50, 1);
  EXPECT_EQ(distribution_of({1, 9}).p95, 9);
}

/// The definition: so many of them are no larger, and with the next smaller value too few would be.
RC_GTEST_PROP(Percentiles, AreByTheNearestRank, ()) {
  auto values = *rc::gen::nonEmpty<std::vector<double>>();
  const double part = *rc::gen::inRange(0, 1001) / 1000.0;
  std::ranges::sort(values);
  const double found = percentile(values, part);
  const auto count = static_cast<double>(values.size());
  const auto not_larger = std::ranges::count_if(values, [&](double v) { return v <= found; });
  const auto smaller = std::ranges::count_if(values, [&](double v) { return v < found; });
  RC_ASSERT(static_cast<double>(not_larger) >= part * count);
  RC_ASSERT(smaller == 0 || static_cast<double>(smaller) < part * count);
}

}  // namespace
}  // namespace sirocco::bench
