#include "sirocco/pipeline/prefix_cache.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/cache_testing.hpp"

namespace sirocco {
namespace {

using namespace cache_testing;

/// A sequence of these rows, computed as far as it wasn't found.
SequenceCache computed(CachePools& pools, const std::vector<ContentId>& rows, PrefixKey key = {},
                       std::int32_t more = 16) {
  auto cache = pools.lease(key, rows, static_cast<std::int32_t>(rows.size()) + more);
  SIROCCO_CHECK(cache.has_value());
  write(*cache, std::span(rows).subspan(static_cast<std::size_t>(cache->length())));
  return std::move(*cache);
}

std::int32_t found(CachePools& pools, const std::vector<ContentId>& rows, PrefixKey key = {}) {
  const auto cache = pools.lease(key, rows, static_cast<std::int32_t>(rows.size()));
  SIROCCO_CHECK(cache.has_value());
  return cache->length();
}

std::vector<ContentId> joined(std::vector<ContentId> a, const std::vector<ContentId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(PrefixCache, FindsFullBlocksAndLeavesARowToCompute) {
  FakeCache pools({full()}, options_of(320));
  const auto rows = contents(56);
  const auto blocks = pools.table(computed(*pools, rows));
  EXPECT_EQ(found(*pools, rows), 48);
  EXPECT_EQ(found(*pools, contents(48)), 32);  // the row that predicts the next is computed
  EXPECT_EQ(found(*pools, contents(49)), 48);
  EXPECT_EQ(found(*pools, contents(16)), 0);
  EXPECT_EQ(found(*pools, joined(contents(40), contents(40, 1000))), 32);
  EXPECT_EQ(found(*pools, contents(56, 1)), 0);
  const auto again = pools->lease({}, rows, 60);
  EXPECT_EQ(pools.table(*again), std::vector(blocks.begin(), blocks.begin() + 3));
  const PrefixStats stats = pools->prefix_stats();
  EXPECT_EQ(stats.lookups, 8);
  EXPECT_EQ(stats.hits, 5);
  EXPECT_EQ(stats.found, 48U + 32 + 48 + 32 + 48);
  EXPECT_EQ(stats.nodes, 3);
}

TEST(PrefixCache, BelievesContentsAndNotHashes) {
  CacheOptions options = options_of(320);
  options.hash_bits = 0;  // every hash is the same
  FakeCache pools({full()}, options);
  computed(*pools, contents(40));
  computed(*pools, contents(40, 500));
  EXPECT_EQ(found(*pools, contents(40, 1000)), 0);
  EXPECT_EQ(found(*pools, contents(40)), 32);
  EXPECT_EQ(found(*pools, contents(40, 500)), 32);
  // The same block behind another one is another node.
  EXPECT_EQ(found(*pools, joined(contents(16, 500), contents(24, 16))), 16);
}

TEST(PrefixCache, KeepsOwnersAndAdaptersApart) {
  for (const int hash_bits : {0, 64}) {
    CacheOptions options = options_of(320);
    options.hash_bits = hash_bits;
    FakeCache pools({full()}, options);
    const auto rows = contents(40);
    computed(*pools, rows, {1, 0});
    EXPECT_EQ(found(*pools, rows), 0);
    EXPECT_EQ(found(*pools, rows, {2, 0}), 0);
    EXPECT_EQ(found(*pools, rows, {1, 1}), 0);
    EXPECT_EQ(found(*pools, rows, {1, 0}), 32);
    computed(*pools, rows, {2, 0});
    pools->clear(PrefixKey{1, 0});
    EXPECT_EQ(found(*pools, rows, {1, 0}), 0);
    EXPECT_EQ(found(*pools, rows, {2, 0}), 32);
    pools->clear();
    EXPECT_EQ(found(*pools, rows, {2, 0}), 0);
    EXPECT_EQ(pools->prefix_stats().nodes, 0);
  }
}

TEST(PrefixCache, SequencesAtOnceEndUpOnTheSameBlocks) {
  FakeCache pools({full(), window(8)}, options_of(320, 24, 4));
  const auto rows = contents(40);
  auto a = pools->lease({}, rows, 60);
  auto b = pools->lease({}, rows, 60);
  const std::int32_t before = pools->available_length();
  write(*a, rows);
  write(*b, rows);
  const auto of_a = pools.table(*a);
  const auto of_b = pools.table(*b);
  EXPECT_EQ(of_a[0], of_b[0]);
  EXPECT_EQ(of_a[1], of_b[1]);
  EXPECT_NE(of_a[2], of_b[2]);
  EXPECT_EQ(pools->available_length(), before + 32);  // the room of two blocks is free again
  EXPECT_EQ(pools->usage()[0].held, 4);
  EXPECT_EQ(pools->prefix_stats().nodes, 2);
}

TEST(PrefixCache, GivesUpWhatWasUsedLeastRecentlyBlockByBlock) {
  FakeCache pools({full()}, options_of(16 * 8));
  const auto old = contents(49);
  const auto young = contents(49, 500);
  computed(*pools, old, {}, 0);
  computed(*pools, young, {}, 0);     // 3 known blocks each, of 8
  EXPECT_EQ(found(*pools, old), 48);  // and is the younger now
  EXPECT_EQ(pools->available_length(), 128);
  computed(*pools, contents(48, 1000), {}, 0);  // takes 2 free ones and 1 idle one
  EXPECT_EQ(pools->prefix_stats().evictions, 1);
  EXPECT_EQ(found(*pools, young), 32);  // without its end
  EXPECT_EQ(found(*pools, old), 48);
  computed(*pools, contents(33, 2000), {}, 0);
  EXPECT_EQ(found(*pools, old), 48);
  EXPECT_EQ(found(*pools, young), 32);
  EXPECT_EQ(found(*pools, contents(48, 1000)), 0);
}

TEST(PrefixCache, WhatSequencesHoldIsNeverGivenUp) {
  FakeCache pools({full()}, options_of(16 * 6));
  const auto rows = contents(33);
  const SequenceCache held = computed(*pools, rows, {}, 0);
  EXPECT_FALSE(pools->lease({}, contents(64, 500), 64));
  computed(*pools, contents(48, 500), {}, 0);
  computed(*pools, contents(48, 700), {}, 0);
  EXPECT_EQ(found(*pools, rows), 32);
}

TEST(PrefixCache, AWindowIsFoundWhileItsEndIsThere) {
  // Every group slides: 20 positions back, from 1 to 2 blocks.
  CacheOptions options = options_of(16 * 20, 16, 2);
  FakeCache pools({window(20)}, options);
  const std::int32_t blocks = pools->usage()[0].blocks;
  EXPECT_EQ(blocks, 2 * 4);
  const auto rows = contents(96);
  { const SequenceCache kept = computed(*pools, rows); }
  EXPECT_EQ(pools->usage()[0].idle, 6);
  {
    const auto hit = pools->lease({}, joined(rows, contents(5, 700)), 120);
    ASSERT_EQ(hit->length(), 96);
    EXPECT_EQ(hit->min_length(), 64 + 19);
    const auto table = pools.table(*hit);
    EXPECT_EQ(table[3], -1);
    EXPECT_GE(table[4], 0);
    EXPECT_GE(table[5], 0);
  }
  EXPECT_EQ(found(*pools, contents(49)), 48);  // in the middle too: blocks 1 and 2
  // Four more blocks are wanted and two are free: the shallowest that nobody used since go first.
  computed(*pools, contents(64, 900), {}, 0);
  EXPECT_EQ(pools->prefix_stats().evictions, 2);
  EXPECT_EQ(found(*pools, joined(rows, contents(5, 700))), 96);
  EXPECT_EQ(found(*pools, contents(17)), 0);
}

TEST(PrefixCache, OfAWindowsBlocksTheShallowestGoFirst) {
  CacheOptions options = options_of(16 * 20, 16, 2);
  options.max_draft = 16;  // so that one more block is kept than is seen
  FakeCache pools({full(), window(20)}, options);
  EXPECT_EQ(pools->usage()[1].blocks, 2 * 5);
  const auto rows = contents(96);
  computed(*pools, rows);  // the first three slide out, the last three become idle at once
  EXPECT_EQ(pools->usage()[1].idle, 6);
  for (int i = 0; i < 2; ++i) {
    std::vector<SequenceCache> others;
    for (int n = 0; n < 2; ++n) {
      others.push_back(*pools->lease(80));
      write(others.back(), contents(48));
      others.back().extend(16);
    }
    // Eight blocks are held, so that four had to go: one of the last three among them.
    EXPECT_EQ(pools->usage()[1].held, 8);
    EXPECT_EQ(pools->prefix_stats().evictions, 4);
  }
  EXPECT_EQ(found(*pools, joined(rows, contents(5, 700))), 96);
}

TEST(PrefixCache, ABlockThatAWindowGaveUpComesBackWhenItIsComputedAgain) {
  FakeCache pools({full(), window(4)}, options_of(16 * 30, 16, 1));
  const auto rows = contents(64);
  computed(*pools, rows, {}, 0);
  const std::int32_t of_window = pools->usage()[1].blocks;
  EXPECT_EQ(of_window, 3);
  EXPECT_EQ(pools->usage()[1].idle, 3);
  // The first block has gone out of the window's pool, so that nothing can go on behind it.
  EXPECT_EQ(found(*pools, contents(17)), 0);
  EXPECT_EQ(found(*pools, joined(contents(32), contents(3, 900))), 32);
  computed(*pools, contents(17), {}, 0);
  EXPECT_EQ(pools->prefix_stats().nodes, 4);
  EXPECT_EQ(found(*pools, contents(17)), 16);
}

TEST(PrefixCache, RowsThatCannotBeSharedEndTheKnownPart) {
  FakeCache pools({full()}, options_of(320));
  auto a = pools->lease({}, {}, 100);
  write(*a, contents(20));
  a->extend(4);
  a->end_step();
  write(*a, contents(24, 24));
  EXPECT_EQ(pools->prefix_stats().nodes, 1);
  a->truncate(20);
  write(*a, contents(28, 20));
  EXPECT_EQ(pools->prefix_stats().nodes, 3);
  auto b = pools->lease(100);
  write(*b, contents(48, 500));
  EXPECT_EQ(pools->prefix_stats().nodes, 3);
}

TEST(PrefixCache, AFailedStepLeavesNothing) {
  FakeCache pools({full(), window(5)}, options_of(320, 24, 4));
  auto a = pools->lease({}, {}, 100);
  write(*a, contents(15));
  a->extend(contents(20, 15));
  a.reset();
  EXPECT_EQ(pools->prefix_stats().nodes, 0);
  EXPECT_EQ(pools->usage()[0].idle, 0);
  EXPECT_EQ(pools->usage()[0].available, pools->usage()[0].blocks);
}

TEST(PrefixCache, CutsAndForksKnowTheirContents) {
  FakeCache pools({full(), latent()}, options_of(320));
  auto a = pools->lease({}, {}, 100);
  write(*a, contents(40));
  auto b = a->fork(100);
  a->truncate(20);
  write(*a, contents(28, 900));
  EXPECT_EQ(found(*pools, joined(contents(20), contents(29, 900))), 48);
  write(*b, contents(10, 40));
  EXPECT_EQ(found(*pools, contents(50)), 48);
  // What was cut off is known still, and is taken again when it comes again.
  const auto before = pools.table(*b);
  b->truncate(20);
  EXPECT_NE(pools.table(*b)[1], before[1]);
  write(*b, contents(20, 20));
  EXPECT_EQ(pools.table(*b)[1], before[1]);
}

// A cut into a block of its own that is known must not need room that isn't there.
TEST(PrefixCache, GivesWayToTheOnlyHolderOfABlock) {
  FakeCache pools({full(), window(40)}, options_of(64));
  auto a = pools->lease({}, {}, 64);
  write(*a, contents(64));
  EXPECT_EQ(pools->usage()[0].available, 0);
  const auto before = pools.table(*a);
  a->truncate(60);
  EXPECT_EQ(pools.table(*a), before);
  EXPECT_EQ(pools->prefix_stats().nodes, 3);
  write(*a, contents(4, 900));
  EXPECT_EQ(pools->prefix_stats().nodes, 4);
}

TEST(PrefixCache, OfModelsWithoutACacheFindsNothing) {
  const CacheLayout layout(LayerIndex(0), {CacheNeed{}, CacheNeed{}});
  const auto pools = CachePools::make({&layout}, options_of(64));
  auto a = pools->lease({}, contents(40), 64);
  ASSERT_TRUE(a);
  a->extend(contents(24));
  a->end_step();
  EXPECT_EQ(pools->lease({}, contents(40), 64)->length(), 0);
}

}  // namespace
}  // namespace sirocco
