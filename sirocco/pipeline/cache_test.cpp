#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <map>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/block_pool.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"

namespace sirocco {
namespace {

constexpr CacheGeometry kGeometry = {1, 4, 4};
constexpr int kBlock = 16;

CacheNeed full() { return {CacheKind::kFull, kGeometry, MaskSpec::kNoWindow}; }
CacheNeed window(int size) { return {CacheKind::kWindow, kGeometry, size}; }

std::shared_ptr<CachePools> pools_of(const CacheLayout& layout, std::int64_t positions,
                                     int largest_step = 24, int sequences = 1) {
  CacheOptions options;
  options.type = KvType::kF32;
  options.block_positions = kBlock;
  options.positions = positions;
  options.max_sequences = sequences;
  options.largest_step = largest_step;
  options.blocks.shuffle_seed = 7;
  return std::make_shared<CachePools>(std::vector<const CacheLayout*>{&layout}, options);
}

std::vector<std::int32_t> table(CachePools& pools, const SequenceCache& cache, int group = 0) {
  StepCaches step;
  const SequenceCache* const one[] = {&cache};
  return step.views(pools, 0, one).groups[static_cast<std::size_t>(group)].block_table;
}

TEST(BlockPool, CountsWhatIsHeldPromisedAndFree) {
  EXPECT_TRUE(rc::check([] {
    const auto capacity = *rc::gen::inRange(1, 20);
    BlockPool pool(64, capacity);
    std::vector<BlockReservation> reservations;
    std::vector<BlockRef> refs;
    for (const int action : *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 5))) {
      if (action == 0) {
        const auto want = *rc::gen::inRange(0, 6);
        const auto available = pool.available();
        auto got = pool.try_reserve(want);
        RC_ASSERT(got.has_value() == (want <= available));
        if (got) reservations.push_back(std::move(*got));
      } else if (action == 1 && !reservations.empty() && reservations.back().blocks() > 0) {
        refs.push_back(reservations.back().take());
      } else if (action == 2 && !refs.empty()) {
        refs.push_back(refs.front().share());
      } else if (action == 3 && !refs.empty()) {
        refs.pop_back();
      } else if (action == 4 && !reservations.empty()) {
        if (!refs.empty() && *rc::gen::arbitrary<bool>()) {
          const bool can = !refs.back().shared() || pool.available() > 0;
          RC_ASSERT(reservations.back().put_back(refs.back()) == can);
          if (can) refs.pop_back();
        } else {
          reservations.pop_back();
        }
      }
      std::set<std::int32_t> distinct;
      for (const BlockRef& ref : refs) distinct.insert(ref.id().value());
      std::int32_t promised = 0;
      for (const BlockReservation& r : reservations) promised += r.blocks();
      RC_ASSERT(pool.held() == static_cast<std::int32_t>(distinct.size()));
      RC_ASSERT(pool.available() == capacity - pool.held() - promised);
    }
  }));
}

TEST(BlockPool, HandsOutEveryBlockOnce) {
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    BlockPool pool(64, 50, {.shuffle_seed = seed, .poison = true});
    auto all = pool.try_reserve(50);
    ASSERT_TRUE(all);
    EXPECT_FALSE(pool.try_reserve(1));
    std::set<std::int32_t> ids;
    std::vector<BlockRef> refs;
    for (int i = 0; i < 50; ++i) {
      refs.push_back(all->take());
      ids.insert(refs.back().id().value());
    }
    EXPECT_EQ(ids.size(), 50U);
    EXPECT_EQ(*ids.begin(), 0);
    EXPECT_EQ(*ids.rbegin(), 49);
    EXPECT_EQ(pool.data()[0], std::byte{0xFF});
  }
}

TEST(SequenceCache, ReservesTheWorstCaseAndGivesItBack) {
  const CacheLayout layout(LayerIndex(0), {full()});
  const auto pools = pools_of(layout, 100);
  EXPECT_EQ(pools->longest_sequence(), 112);
  {
    auto first = SequenceCache::make(pools, 80);
    ASSERT_TRUE(first);
    EXPECT_EQ(pools->available_positions(), 32);
    EXPECT_FALSE(SequenceCache::make(pools, 33));
    EXPECT_TRUE(SequenceCache::make(pools, 32));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(first->extend(8), Position(8 * i));
    EXPECT_EQ(pools->available_positions(), 32);
    SequenceCache moved = std::move(*first);
    EXPECT_EQ(moved.length(), 80);
  }
  EXPECT_EQ(pools->available_positions(), 112);
  EXPECT_THROW(SequenceCache::make(pools, 113), ResourceExhausted);
}

TEST(SequenceCache, AssignmentReturnsWhatWasThere) {
  const CacheLayout layout(LayerIndex(0), {full()});
  auto pools = pools_of(layout, 64);
  auto a = SequenceCache::make(pools, 32);
  auto b = SequenceCache::make(pools_of(layout, 64), 16);
  a->extend(20);
  *b = std::move(*a);
  a.reset();
  EXPECT_EQ(b->length(), 20);
  EXPECT_EQ(pools->available_positions(), 32);
}

TEST(SequenceCache, ForkSharesFullBlocksAndCopiesTheLast) {
  const CacheLayout layout(LayerIndex(0), {full()});
  const auto pools = pools_of(layout, 160);
  auto a = SequenceCache::make(pools, 64);
  a->extend(24);
  a->extend(16);
  const auto before = table(*pools, *a);
  auto b = a->fork(64);
  ASSERT_TRUE(b);
  const auto after = table(*pools, *b);
  ASSERT_EQ(after.size(), 3U);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_NE(after[2], before[2]);
  // Cut into a shared block: it becomes its own.
  b->truncate(20);
  EXPECT_EQ(table(*pools, *b)[0], before[0]);
  EXPECT_NE(table(*pools, *b)[1], before[1]);
  a.reset();
  EXPECT_EQ(b->extend(24), Position(20));
  b->extend(20);
  EXPECT_EQ(b->length(), 64);
  b.reset();
  EXPECT_EQ(pools->available_positions(), 160);
}

TEST(SequenceCache, KindsRefuseWhatTheyCannotDo) {
  const CacheLayout layout(LayerIndex(0), {full(), window(20)});
  const auto pools = pools_of(layout, 100);
  auto cache = SequenceCache::make(pools, 100);
  cache->extend(10);
  EXPECT_THROW(cache->truncate(5), UnsupportedError);
  EXPECT_THROW((void)cache->fork(50), UnsupportedError);
  EXPECT_EQ(cache->length(), 10);
  const CacheLayout recurrent(LayerIndex(0), {{CacheKind::kRecurrent, kGeometry, 0}});
  EXPECT_THROW(pools_of(recurrent, 100), UnsupportedError);
}

TEST(SequenceCache, WindowsHoldWhatQueriesSeeAndNoMoreThanPromised) {
  EXPECT_TRUE(rc::check([] {
    const int size = *rc::gen::inRange(1, 80);
    const int largest = *rc::gen::inRange(1, 60);
    const int limit = *rc::gen::inRange(1, 400);
    const CacheLayout layout(LayerIndex(0), {window(size)});
    const auto pools = pools_of(layout, 400, largest);
    auto cache = SequenceCache::make(pools, limit);
    RC_ASSERT(cache.has_value());
    while (cache->length() < limit) {
      const int first = cache->length();
      const int step = std::min(*rc::gen::inRange(1, largest + 1), limit - first);
      cache->extend(step);
      const auto blocks = table(*pools, *cache);
      for (int p = std::max(0, first - size + 1); p < first + step; ++p) {
        RC_ASSERT(blocks[static_cast<std::size_t>(p / kBlock)] >= 0);
      }
      std::set<std::int32_t> distinct;
      int held = 0;
      for (const auto id : blocks) {
        if (id < 0) continue;
        distinct.insert(id);
        ++held;
      }
      RC_ASSERT(static_cast<int>(distinct.size()) == held);
      cache->end_step();
    }
  }));
}

TEST(SequenceCache, TruncateAndExtendKeepThePromise) {
  EXPECT_TRUE(rc::check([] {
    const CacheLayout layout(LayerIndex(0), {full()});
    const auto pools = pools_of(layout, 320);
    auto a = SequenceCache::make(pools, 100);
    auto b = SequenceCache::make(pools, 100);
    for (const int n : *rc::gen::container<std::vector<int>>(20, rc::gen::inRange(-30, 25))) {
      SequenceCache& c = *rc::gen::arbitrary<bool>() ? *a : *b;
      if (n > 0) {
        if (n <= c.limit() - c.length()) c.extend(n);
      } else {
        c.truncate(std::max(0, c.length() + n));
      }
      std::set<std::int32_t> distinct;
      std::size_t held = 0;
      for (const SequenceCache* s : {&*a, &*b}) {
        for (const auto id : table(*pools, *s)) {
          if (id < 0) continue;
          distinct.insert(id);
          ++held;
        }
      }
      RC_ASSERT(distinct.size() == held);
      RC_ASSERT(pools->available_positions() == 320 - 2 * 112);
    }
  }));
}

TEST(CachePools, RefusesOptionsOutOfRange) {
  const CacheLayout layout(LayerIndex(0), {full()});
  const std::vector<const CacheLayout*> layouts = {&layout};
  CacheOptions good;
  good.positions = 64;
  for (const auto& change : std::vector<void (*)(CacheOptions&)>{
           [](CacheOptions& o) { o.block_positions = 24; },
           [](CacheOptions& o) { o.block_positions = 0; }, [](CacheOptions& o) { o.positions = 0; },
           [](CacheOptions& o) { o.largest_step = 0; },
           [](CacheOptions& o) { o.max_sequences = 0; }}) {
    CacheOptions bad = good;
    change(bad);
    EXPECT_THROW(CachePools(layouts, bad), InvalidArgument);
  }
  ByteLedger small(100);
  good.ledger = &small;
  EXPECT_THROW(CachePools(layouts, good), ResourceExhausted);
  EXPECT_EQ(small.in_use(), 0U);
}

}  // namespace
}  // namespace sirocco
