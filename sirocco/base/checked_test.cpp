#include "sirocco/base/checked.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace sirocco {
namespace {

constexpr std::uint64_t kMax = ~std::uint64_t{0};

TEST(Checked, AddAndMultiplyRefuseToWrap) {
  EXPECT_EQ(checked_add<std::uint64_t>(kMax, 0), kMax);
  EXPECT_EQ(checked_add<std::uint64_t>(kMax, 1), std::nullopt);
  EXPECT_EQ(checked_mul<std::uint64_t>(1ull << 32, 1ull << 31), 1ull << 63);
  EXPECT_EQ(checked_mul<std::uint64_t>(1ull << 32, 1ull << 32), std::nullopt);
}

TEST(Checked, RoundsUp) {
  EXPECT_EQ(checked_round_up<std::uint64_t>(0, 32), 0u);
  EXPECT_EQ(checked_round_up<std::uint64_t>(1, 32), 32u);
  EXPECT_EQ(checked_round_up<std::uint64_t>(32, 32), 32u);
  EXPECT_EQ(checked_round_up<std::uint64_t>(kMax - 3, 32), std::nullopt);
  EXPECT_EQ(ceil_div(33, 16), 3);
}

}  // namespace
}  // namespace sirocco
