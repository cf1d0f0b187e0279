#include <gtest/gtest.h>

#include "sirocco/server/shape_testing.hpp"

namespace sirocco {
namespace {

using shape_testing::Json;
using shape_testing::mismatch;

// The check itself refuses what it should.
TEST(Shapes, MismatchesAreFound) {
  const Json shape = Json::parse(R"({"a": "string|null", "b?": ["integer"], "c": "=x"})");
  const auto found = [&](const char* text) { return mismatch(Json::parse(text), shape); };
  EXPECT_EQ(found(R"({"a": null, "c": "x"})"), "");
  EXPECT_EQ(found(R"({"a": "s", "b": [1, 2], "c": "x"})"), "");
  EXPECT_NE(found(R"({"a": 1, "c": "x"})"), "");
  EXPECT_NE(found(R"({"c": "x"})"), "");
  EXPECT_NE(found(R"({"a": null, "b": [1.5], "c": "x"})"), "");
  EXPECT_NE(found(R"({"a": null, "c": "y"})"), "");
  EXPECT_NE(found(R"({"a": null, "c": "x", "d": 1})"), "");
  EXPECT_NE(found("[]"), "");
}

}  // namespace
}  // namespace sirocco
