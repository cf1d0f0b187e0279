#include "sirocco/platform/memory_pool.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace sirocco {
namespace {

TEST(MemoryPool, RangesAreZeroedAlignedAndTheirOwn) {
  MemoryPool pool;
  std::vector<PooledMemory> ranges;
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = i % 7 == 0 ? 0 : std::size_t{1} << (i % 19);
    PooledMemory range = pool.take(size);
    ASSERT_EQ(range.size(), size);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(range.data()) % 64, 0u);
    for (std::size_t at = 0; at < size; at += 61) ASSERT_EQ(range.data()[at], std::byte{0});
    if (size > 0) std::memset(range.data(), i + 1, size);
    ranges.push_back(std::move(range));
  }
  for (int i = 0; i < 300; ++i) {
    const PooledMemory& range = ranges[static_cast<std::size_t>(i)];
    for (std::size_t at = 0; at < range.size(); at += 61)
      ASSERT_EQ(range.data()[at], static_cast<std::byte>(i + 1));
  }
}

TEST(MemoryPool, SmallRangesLieNextToOneAnother) {
  MemoryPool pool;
  const PooledMemory a = pool.take(1000);
  const PooledMemory b = pool.take(1000);
  EXPECT_EQ(b.data(), a.data() + 1024);
  // One that has room of its own doesn't end the chunk.
  const PooledMemory large = pool.take(std::size_t{40} << 20);
  const PooledMemory c = pool.take(1);
  EXPECT_EQ(c.data(), b.data() + 1024);
}

TEST(MemoryPool, RangesOutliveIt) {
  PooledMemory kept;
  {
    MemoryPool pool;
    const PooledMemory gone = pool.take(100);
    kept = pool.take(100);
  }
  std::memset(kept.data(), 1, kept.size());
  EXPECT_EQ(kept.data()[99], std::byte{1});
}

}  // namespace
}  // namespace sirocco
