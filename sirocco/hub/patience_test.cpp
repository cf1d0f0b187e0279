#include "sirocco/hub/patience.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"
#include "sirocco/hub/transfer_meter.hpp"

namespace sirocco {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HttpHead head(int status, std::string retry_after = "") {
  HttpHead out{status, {}};
  if (!retry_after.empty()) out.headers.push_back({"retry-after", std::move(retry_after)});
  return out;
}

TEST(Setback, IsWhatMayPass) {
  const FakeClock clock;  // 2023-11-14 22:13:20
  for (const int status : {408, 429, 500, 502, 503, 504})
    EXPECT_TRUE(setback_of(head(status), clock.date())) << status;
  for (const int status : {200, 206, 302, 400, 401, 403, 404, 416, 501})
    EXPECT_FALSE(setback_of(head(status), clock.date())) << status;
  const auto asked = [&](const std::string& text) {
    return setback_of(head(429, text), clock.date())->wait_asked;
  };
  EXPECT_EQ(asked("7"), seconds(7));
  EXPECT_EQ(asked("Tue, 14 Nov 2023 22:13:30 GMT"), seconds(10));
  EXPECT_EQ(asked("Tue, 14 Nov 2023 22:13:10 GMT"), seconds(0));
  EXPECT_EQ(asked("soon"), std::nullopt);
  EXPECT_EQ(asked("-1"), std::nullopt);
}

TEST(Patience, WaitsLongerEachTimeAndThenNoMore) {
  FakeClock clock;
  std::vector<std::string> said;
  Patience patience(clock, 4, [&](const std::string& line) { said.push_back(line); });
  for (int i = 0; i < 3; ++i) patience.wait_after({"it failed", {}}, "x", {});
  EXPECT_THAT(clock.waits(),
              ElementsAre(milliseconds(500), milliseconds(1000), milliseconds(2000)));
  EXPECT_EQ(said.front(), "x: it failed; trying again in 0.5 s");
  try {
    patience.wait_after({"it failed", {}}, "x", {});
    FAIL();
  } catch (const IoError& e) {
    EXPECT_THAT(e.what(), HasSubstr("x: it failed; given up after 4 tries"));
  }
  EXPECT_EQ(said.size(), 3U);
}

TEST(Patience, BeginsAnewWhenSomethingWasGained) {
  FakeClock clock;
  Patience patience(clock, 2, [](const std::string&) {});
  for (int i = 0; i < 10; ++i) {
    patience.wait_after({"it failed", {}}, "x", {});
    patience.gained();
  }
  EXPECT_EQ(clock.waits().size(), 10U);
}

TEST(Patience, WaitsAsLongAsAskedWithinABound) {
  FakeClock clock;
  Patience patience(clock, 9, [](const std::string&) {});
  patience.wait_after({"busy", seconds(90)}, "x", {});
  patience.wait_after({"busy", seconds(0)}, "x", {});
  EXPECT_THAT(clock.waits(), ElementsAre(seconds(90), seconds(1)));
  patience.wait_after({"busy", seconds(120)}, "x", {});
  EXPECT_EQ(clock.waits().back(), seconds(120));
  EXPECT_THROW(patience.wait_after({"busy", seconds(121)}, "x", {}), IoError);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(patience.wait_after({"busy", {}}, "x", stop.get_token()), Cancelled);
}

TEST(SystemClock, WaitsNoLongerThanUntilAStop) {
  std::stop_source stop;
  stop.request_stop();
  system_clock().wait(std::chrono::hours(1), stop.get_token());
}

TEST(TransferMeter, SaysWhatCameInTheLastSeconds) {
  TransferMeter meter;
  const TransferMeter::Time start{};
  EXPECT_EQ(meter.rate(), std::nullopt);
  meter.add(start, 5000);
  meter.add(start + milliseconds(400), 5400);
  EXPECT_EQ(meter.rate(), std::nullopt);
  EXPECT_EQ(meter.time_left(9000), std::nullopt);
  for (int i = 1; i <= 10; ++i) meter.add(start + seconds(i), 5000 + 1000 * i);
  EXPECT_DOUBLE_EQ(*meter.rate(), 1000);
  EXPECT_EQ(meter.time_left(20'000), seconds(5));
  EXPECT_EQ(meter.time_left(10), seconds(0));
  // It comes faster: after a while only that counts.
  for (int i = 11; i <= 30; ++i)
    meter.add(start + seconds(i), 15'000 + 4000 * static_cast<std::uint64_t>(i - 10));
  EXPECT_DOUBLE_EQ(*meter.rate(), 4000);
  // Nothing comes any more.
  for (int i = 31; i <= 50; ++i) meter.add(start + seconds(i), 95'000);
  EXPECT_DOUBLE_EQ(*meter.rate(), 0);
  EXPECT_EQ(meter.time_left(100'000), std::nullopt);
  // A file was thrown away.
  meter.add(start + seconds(51), 100);
  EXPECT_EQ(meter.rate(), std::nullopt);
}

TEST(TransferMeter, IsAskedOftenAndKeepsLittle) {
  TransferMeter meter;
  const TransferMeter::Time start{};
  for (int i = 0; i < 100'000; ++i)
    meter.add(start + milliseconds(i), static_cast<std::uint64_t>(i));
  EXPECT_NEAR(*meter.rate(), 1000, 1);
}

}  // namespace
}  // namespace sirocco
