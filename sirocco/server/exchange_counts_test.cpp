#include "sirocco/server/exchange_counts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::Pair;

http::ExchangeRecord ended(std::string route, int status) {
  http::ExchangeRecord record;
  record.route = std::move(route);
  record.status = status;
  return record;
}

TEST(ExchangeCounts, AreByRouteAndStatus) {
  ExchangeCounts counts;
  counts.count(ended("/a", 200));
  counts.count(ended("/a", 429));
  counts.count(ended("", 404));
  counts.count(ended("/a", 200));
  using Key = ExchangeCounts::Key;
  EXPECT_THAT(counts.counts(),
              ElementsAre(Pair(Key("", 404), 1), Pair(Key("/a", 200), 2), Pair(Key("/a", 429), 1)));
}

TEST(ExchangeCounts, RefusalsHaveAReason) {
  EXPECT_EQ(refusal_reason(200), "");
  EXPECT_EQ(refusal_reason(304), "");
  EXPECT_EQ(refusal_reason(429), "queue_full");
  EXPECT_EQ(refusal_reason(418), "other");
  EXPECT_EQ(refusal_reason(500), "failed");
}

}  // namespace
}  // namespace sirocco
