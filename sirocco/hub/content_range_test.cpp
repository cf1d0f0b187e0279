#include "sirocco/hub/content_range.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sirocco {
namespace {

HttpHead head(const char* name, std::string value) { return {206, {{name, std::move(value)}}}; }

TEST(ContentRange, IsWhichBytesAnAnswerHolds) {
  const auto range = content_range(head("content-range", "bytes 5-9/100"));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->total, 100U);
  EXPECT_EQ(content_range(head("Content-Range", "bytes 0-0/*"))->total, std::nullopt);
}

TEST(ContentRange, IsNothingThatMakesNoSense) {
  for (const char* const text :
       {"", "bytes", "bytes */100", "5-9/100", "bytes 9-5/100", "bytes -5-9/100", "bytes 5-9",
        "bytes 5-9/", "bytes 5-9/x", "bytes 5-9/9", "bytes 5-9/100 x", "bytes 5 -9/100",
        "bytes 0-18446744073709551616/*", "items 5-9/100"})
    EXPECT_FALSE(content_range(head("Content-Range", text))) << text;
  EXPECT_FALSE(content_range({}));
}

TEST(ContentLength, IsANumber) {
  EXPECT_EQ(content_length(head("CONTENT-LENGTH", "70000000000")), 70'000'000'000U);
  for (const char* const text : {"", "x", "-1", "1 2", "18446744073709551616"})
    EXPECT_FALSE(content_length(head("Content-Length", text))) << text;
  EXPECT_FALSE(content_length({}));
}

TEST(HttpHead, GivesTheLastOfSeveralHeadersOfOneName) {
  const HttpHead twice{206, {{"Content-Length", "1"}, {"content-length", "2"}}};
  EXPECT_EQ(content_length(twice), 2U);
}

}  // namespace
}  // namespace sirocco
