#include "sirocco/quant/float16.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sirocco {
namespace {

static_assert(f16_to_f32(0x3C00) == 1.0f && f32_to_f16(-2.0f) == 0xC000);
static_assert(bf16_to_f32(0x3F80) == 1.0f && f32_to_bf16(-2.0f) == 0xC000);

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// The value of a finite f16, from its definition.
float by_definition(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Float16, EveryHalfWidensAndComesBack) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float wide = f16_to_f32(half);
    if ((h & 0x7FFF) > 0x7C00) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_EQ(f32_to_f16(wide), half | 0x200);
    } else {
      if ((h & 0x7C00) != 0x7C00) {
        EXPECT_EQ(bits(wide), bits(by_definition(half)));
      } else {
        EXPECT_TRUE(std::isinf(wide));
      }
      ASSERT_EQ(f32_to_f16(wide), half);
    }
  }
}

TEST(Float16, NarrowsToTheNearestAndTiesToEven) {
  // Every midpoint of two neighbours, and the floats next to it.
  for (std::uint32_t h = 0; h < 0x7BFF; ++h) {
    const float low = f16_to_f32(static_cast<std::uint16_t>(h));
    const float high = f16_to_f32(static_cast<std::uint16_t>(h + 1));
    const float middle = (low + high) / 2;
    ASSERT_EQ(f32_to_f16(middle), h + (h & 1));
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, low)), h);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, high)), h + 1);
    ASSERT_EQ(f32_to_f16(-std::nextafter(middle, low)), 0x8000u | h);
  }
  EXPECT_EQ(f32_to_f16(std::nextafter(65520.0f, 0.0f)), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(3e38f), 0x7C00);
  EXPECT_EQ(f32_to_f16(1e-45f), 0);
}

TEST(Bfloat16, EveryValueWidensAndComesBack) {
  for (std::uint32_t b = 0; b < 0x10000; ++b) {
    const float wide = bf16_to_f32(static_cast<std::uint16_t>(b));
    const bool is_nan = (b & 0x7FFF) > 0x7F80;
    EXPECT_EQ(std::isnan(wide), is_nan);
    ASSERT_EQ(f32_to_bf16(wide), is_nan ? b | 0x40 : b);
  }
}

TEST(Bfloat16, NarrowsToTheNearestAndTiesToEven) {
  for (std::uint32_t b = 0; b < 0x7F80; ++b) {
    const std::uint32_t middle = b << 16 | 0x8000u;
    ASSERT_EQ(f32_to_bf16(std::bit_cast<float>(middle)), b + (b & 1));
    ASSERT_EQ(f32_to_bf16(std::bit_cast<float>(middle - 1)), b);
    ASSERT_EQ(f32_to_bf16(std::bit_cast<float>(middle + 1)), b + 1);
  }
  // A NaN whose payload is all in the lower half stays one.
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7F800001u)), 0x7FC0);
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0xFF800001u)), 0xFE00);
}

}  // namespace
}  // namespace sirocco
