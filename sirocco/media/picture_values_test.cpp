#include "sirocco/media/picture_values.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::uint8_t byte_of(float x) {
  const std::vector<float> values = {x, 0.0f, 0.0f};
  return picture_of_values(values, {1, 1}).row(0)[0];
}

TEST(PictureValues, AreRoundedAsDiffusersDoes) {
  EXPECT_EQ(byte_of(-1.0f), 0);
  EXPECT_EQ(byte_of(1.0f), 255);
  EXPECT_EQ(byte_of(-1.5f), 0);
  EXPECT_EQ(byte_of(3e38f), 255);
  EXPECT_EQ(byte_of(-std::numeric_limits<float>::infinity()), 0);
  // 127.5, between an odd and an even one.
  EXPECT_EQ(byte_of(0.0f), 128);
  EXPECT_EQ(byte_of(std::nextafter(0.0f, -1.0f)), 128);
  EXPECT_EQ(byte_of(-1e-3f), 127);
  // What diffusers 0.42.1 makes of 0.5, 1.5, 2.5, 3.5 and 254.5 steps above black: in float, ties
  // move.
  const float steps[] = {0.5f, 1.5f, 2.5f, 3.5f, 254.5f};
  const int bytes[] = {0, 1, 2, 3, 254};
  for (std::size_t i = 0; i < std::size(steps); ++i)
    EXPECT_EQ(byte_of(2.0f * (steps[i] / 255.0f) - 1.0f), bytes[i]) << steps[i];
}

TEST(PictureValues, OfBytesAreTheseBytes) {
  Picture picture({256, 2});
  for (int x = 0; x < 256; ++x) {
    picture.row(0)[static_cast<std::size_t>(3 * x)] = static_cast<std::uint8_t>(x);
    picture.row(1)[static_cast<std::size_t>(3 * x + 2)] = static_cast<std::uint8_t>(255 - x);
  }
  const std::vector<float> values = values_of_picture(picture);
  EXPECT_EQ(values.front(), -1.0f);
  EXPECT_EQ(values[3 * 255], 1.0f);
  EXPECT_EQ(values[3 * 51], 2.0f * (51.0f / 255.0f) - 1.0f);
  EXPECT_EQ(picture_of_values(values, picture.size()), picture);
}

TEST(PictureValues, MustBeThereAndNumbers) {
  EXPECT_THROW(picture_of_values(std::vector<float>(5), {2, 1}), InvalidArgument);
  EXPECT_THROW(byte_of(std::nanf("")), NotANumber);
}

}  // namespace
}  // namespace sirocco
