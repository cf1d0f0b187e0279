#include "sirocco/platform/memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

TEST(Memory, IsZeroedAndAligned) {
  Memory memory(100001);
  EXPECT_EQ(memory.size(), 100001u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 64, 0u);
  EXPECT_TRUE(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
  memory.bytes().back() = std::byte{1};
}

TEST(Memory, LargeRangesCanHoldHugePages) {
  for (const std::size_t size : {(2u << 20) - 1, 2u << 20, (2u << 20) + 1, 9u << 20}) {
    Memory memory(size);
    EXPECT_EQ(memory.size(), size);
    const std::uintptr_t alignment = size < 2u << 20 ? 64 : 2u << 20;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % alignment, 0u);
    memory.bytes().front() = memory.bytes().back() = std::byte{1};
  }
}

TEST(Memory, MovesItsPages) {
  Memory a(4096);
  std::byte* const pages = a.data();
  Memory b = std::move(a);
  EXPECT_EQ(b.data(), pages);
  Memory c;
  EXPECT_EQ(c.size(), 0u);
  c = std::move(b);
  EXPECT_EQ(c.data(), pages);
}

TEST(Memory, TooMuchIsAnErrorWithTheFigure) {
  try {
    Memory memory(std::numeric_limits<std::size_t>::max() / 4);
    FAIL();
  } catch (const ResourceExhausted& e) {
    EXPECT_NE(std::string(e.what()).find("4611686018427387903"), std::string::npos);
  }
}

}  // namespace
}  // namespace sirocco
