#include "sirocco/platform/byte_text.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TEST(ByteText, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(byte_text(0), "0 bytes");
  EXPECT_EQ(byte_text(1), "1 byte");
  EXPECT_EQ(byte_text(1023), "1023 bytes");
  EXPECT_EQ(byte_text(1024), "1.00 KiB");
  EXPECT_EQ(byte_text(98362432), "93.8 MiB");
  EXPECT_EQ(byte_text(10238), "10.0 KiB");
  EXPECT_EQ(byte_text(1023 * 1024), "1.00 MiB");
  EXPECT_EQ(byte_text(999 * 1024), "999 KiB");
  EXPECT_EQ(byte_text(std::uint64_t{3} << 29), "1.50 GiB");
  EXPECT_EQ(byte_text(~std::uint64_t{0}), "16.0 EiB");
}

}  // namespace
}  // namespace sirocco
