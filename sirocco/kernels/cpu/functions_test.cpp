#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Every 1009th float from `low` to `high`, both of one sign.
template <class Check>
void for_floats(float low, float high, Check check) {
  const auto from = std::bit_cast<std::uint32_t>(std::min(std::abs(low), std::abs(high)));
  const auto to = std::bit_cast<std::uint32_t>(std::max(std::abs(low), std::abs(high)));
  const float sign = low < 0 || high < 0 ? -1.0f : 1.0f;
  for (std::uint64_t bits = from; bits <= to; bits += 1009)
    check(sign * std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
}

TEST(Functions, ExpIsWithinTwoUnitsInTheLastPlace) {
  EXPECT_EQ(ref::exp(0.0f), 1.0f);
  EXPECT_EQ(ref::exp(-0.0f), 1.0f);
  EXPECT_EQ(ref::exp(-kInfinity), 0.0f);
  EXPECT_EQ(ref::exp(kInfinity), kInfinity);
  EXPECT_EQ(ref::exp(89.0f), kInfinity);
  EXPECT_TRUE(std::isnan(ref::exp(NAN)));
  const auto check = [](float x) {
    const double exact = std::exp(double{x});
    const double error = std::abs(double{ref::exp(x)} - exact);
    ASSERT_LE(error, exact * 0x1p-22 + 0x1p-149) << x;
  };
  for_floats(1e-9f, 88.0f, check);
  for_floats(-1e-9f, -110.0f, check);
}

TEST(Functions, PowersOfTwoAreWithinTwoUnitsInTheLastPlaceDownToTheirFloor) {
  EXPECT_EQ(ref::exp2(0.0f), 1.0f);
  EXPECT_EQ(ref::exp2(-0.0f), 1.0f);
  EXPECT_EQ(ref::exp2(-100.0f), 0x1p-100f);
  EXPECT_EQ(ref::exp2(-kInfinity), 0x1p-100f);
  EXPECT_TRUE(std::isnan(ref::exp2(NAN)));
  const auto check = [](float x) {
    const double exact = std::exp2(double{x});
    ASSERT_LE(std::abs(double{ref::exp2(x)} - exact), exact * 0x1p-22) << x;
  };
  for_floats(-1e-9f, -100.0f, check);
}

TEST(Functions, TanhAndErfAreAccurateNearZeroAndFarOut) {
  const auto check = [](float x) {
    ASSERT_NEAR(ref::tanh(x), std::tanh(double{x}), 3e-7 * std::abs(std::tanh(double{x}))) << x;
    ASSERT_NEAR(ref::erf(x), std::erf(double{x}), 3e-7 * std::abs(std::erf(double{x}))) << x;
  };
  for_floats(1e-9f, 1e9f, check);
  for_floats(-1e-9f, -1e9f, check);
  for (const float x : {kInfinity, -kInfinity, 0.0f, -0.0f}) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(ref::tanh(x)),
              std::bit_cast<std::uint32_t>(std::tanh(x)));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(ref::erf(x)), std::bit_cast<std::uint32_t>(std::erf(x)));
  }
}

TEST(Functions, SinAndCosAreGoodToTwoMillion) {
  const auto check = [](float x) {
    const ref::SinCos got = ref::sin_cos(x);
    ASSERT_NEAR(got.sin, std::sin(double{x}), 1e-6) << x;
    ASSERT_NEAR(got.cos, std::cos(double{x}), 1e-6) << x;
  };
  for_floats(1e-9f, 2e6f, check);
  for_floats(-1e-9f, -2e6f, check);
  EXPECT_EQ(ref::sin_cos(0.0f).sin, 0.0f);
  EXPECT_EQ(ref::sin_cos(0.0f).cos, 1.0f);
}

TEST(Functions, ActivationsAreWhatTheySay) {
  for (float x = -30.0f; x < 30.0f; x += 0.0173f) {
    const double d = x;
    const double size = 1e-6 * (1.0 + std::abs(d));
    ASSERT_NEAR(ref::silu(x), d / (1.0 + std::exp(-d)), size);
    ASSERT_NEAR(ref::gelu_erf(x), 0.5 * d * (1.0 + std::erf(d * std::numbers::sqrt2 / 2)), size);
    ASSERT_NEAR(
        ref::gelu_tanh(x),
        0.5 * d * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (d + 0.044715 * d * d * d))),
        size);
  }
}

}  // namespace
}  // namespace sirocco
