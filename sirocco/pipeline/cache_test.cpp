#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/cache_testing.hpp"

namespace sirocco {
namespace {

using namespace cache_testing;

TEST(BlockPool, CountsWhatIsHeldPromisedAndFree) {
  EXPECT_TRUE(rc::check([] {
    const auto capacity = *rc::gen::inRange(1, 20);
    const bool pledges = *rc::gen::arbitrary<bool>();
    BlockPool pool(capacity, pledges ? BlockPool::Sharing::kPledges : BlockPool::Sharing::kSaves);
    std::vector<std::int32_t> evicted;
    pool.on_eviction([&](BlockId id) {
      evicted.push_back(id.value());
      pool.forget(id);
    });
    std::set<std::int32_t> kept;
    std::vector<BlockReservation> reservations;
    std::vector<BlockRef> refs;
    for (const int action : *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 8))) {
      const bool right = !reservations.empty() && reservations.back().blocks() > 0;
      if (action == 0) {
        const auto want = *rc::gen::inRange(0, 6);
        const auto available = pool.available();
        auto got = pool.try_reserve(want);
        RC_ASSERT(got.has_value() == (want <= available));
        if (got) reservations.push_back(std::move(*got));
      } else if (action == 1 && right) {
        refs.push_back(reservations.back().take());
      } else if (action == 2 && right && !refs.empty()) {
        refs.push_back(reservations.back().hold(refs.front().id()));
      } else if (action == 3 && !refs.empty()) {
        refs.pop_back();
      } else if (action == 4 && !reservations.empty()) {
        if (!refs.empty() && *rc::gen::arbitrary<bool>()) {
          const bool can = pledges || !refs.back().shared() || pool.available() > 0;
          RC_ASSERT(reservations.back().put_back(refs.back()) == can);
          if (can) refs.pop_back();
        } else {
          reservations.pop_back();
        }
      } else if (action == 5 && !refs.empty() && !kept.contains(refs.back().id().value())) {
        pool.keep(refs.back().id());
        kept.insert(refs.back().id().value());
      } else if (action == 6 && right && !kept.empty()) {
        refs.push_back(reservations.back().hold(BlockId(*kept.begin())));
      } else if (action == 7 && !reservations.empty() && !refs.empty()) {
        const bool can = pledges || !refs.back().shared() || pool.available() > 0;
        RC_ASSERT(reservations.back().own(refs.back()) == can);
        if (can) RC_ASSERT(!refs.back().shared());
      }
      for (const std::int32_t id : evicted) kept.erase(id);
      evicted.clear();
      std::map<std::int32_t, int> holds;
      for (const BlockRef& ref : refs) ++holds[ref.id().value()];
      std::int32_t promised = 0;
      for (const BlockReservation& r : reservations) promised += r.blocks();
      std::int32_t pledged = 0;
      for (const auto& [id, count] : holds) pledged += pledges ? count - 1 : 0;
      std::int32_t idle = 0;
      for (const std::int32_t id : kept) idle += holds.contains(id) ? 0 : 1;
      RC_ASSERT(pool.held() == static_cast<std::int32_t>(holds.size()));
      RC_ASSERT(pool.idle() == idle);
      RC_ASSERT(pool.available() == capacity - pool.held() - promised - pledged);
      RC_ASSERT(pool.available() >= 0);
    }
  }));
}

TEST(BlockPool, HandsOutEveryBlockOnce) {
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    BlockPool pool(50, BlockPool::Sharing::kSaves, {.shuffle_seed = seed, .poison = true});
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
  }
}

TEST(BlockPool, GivesUpTheLongestIdleFirst) {
  BlockPool pool(3);
  std::vector<std::int32_t> evicted;
  pool.on_eviction([&](BlockId id) {
    evicted.push_back(id.value());
    pool.forget(id);
  });
  auto three = *pool.try_reserve(3);
  std::vector<BlockRef> refs;
  for (int i = 0; i < 3; ++i) {
    refs.push_back(three.take());
    pool.keep(refs.back().id());
  }
  for (const std::size_t i : {1U, 0U, 2U}) refs[i] = BlockRef();
  EXPECT_EQ(pool.idle(), 3);
  auto more = *pool.try_reserve(3);
  BlockRef used = more.hold(BlockId(1));  // and is the last to have been used
  used = BlockRef();
  auto last = *pool.try_reserve(1);
  const BlockRef a = more.take();
  const BlockRef b = more.take();
  const BlockRef c = last.take();
  EXPECT_EQ(evicted, (std::vector<std::int32_t>{0, 2, 1}));
}

// What happens to memory is told in order, and not at once.
TEST(BlockPool, RecordsWhatMemoryMustFollow) {
  using Kind = BlockCommand::Kind;
  BlockPool pool(2, BlockPool::Sharing::kSaves, {.shuffle_seed = 0, .poison = true});
  auto both = *pool.try_reserve(2);
  BlockRef a = both.take();
  BlockRef b = both.take_copy(a.id());
  EXPECT_TRUE(both.put_back(a));
  BlockRef c = both.take_copy(b.id());
  std::vector<BlockCommand> commands;
  pool.take_commands(commands);
  EXPECT_EQ(commands, (std::vector<BlockCommand>{{Kind::kCopy, BlockId(0), BlockId(1)},
                                                 {Kind::kPoison, BlockId(0), BlockId(0)},
                                                 {Kind::kCopy, BlockId(1), BlockId(0)}}));
  pool.take_commands(commands);
  EXPECT_TRUE(commands.empty());
}

TEST(CacheMemory, DoesTheCommandsOfAStepInOrder) {
  FakeCache cache({full()}, options_of(64));
  auto a = cache->lease(40);
  a->extend(20);
  const SequenceCache* const one[] = {&*a};
  cache.begin_step(one);
  EXPECT_EQ(cache.row(0, 0, 0, 19), ~std::uint64_t{0});  // fresh blocks are poisoned
  cache.row(0, 0, 0, 17) = 5;
  a->end_step();
  auto b = a->fork(24);
  ASSERT_TRUE(b);
  EXPECT_EQ(cache.step().stages[0].groups[0].commands.size(), 0U);
  const std::vector<std::int32_t> before = cache.table(*a);
  a.reset();  // its blocks are free before anything was copied
  const SequenceCache* const other[] = {&*b};
  cache.begin_step(other);
  EXPECT_EQ(cache.row(0, 0, 0, 17), 5U);
  EXPECT_NE(cache.block(0, 0, 0, 1), before[1]);
}

TEST(CacheMemory, IsChargedAndRefused) {
  const CacheLayout layout(LayerIndex(0), {full()});
  const auto pools = CachePools::make({&layout}, options_of(64));
  ByteLedger small(100);
  EXPECT_THROW(CacheMemory(layout, pools->shape(0), &small), ResourceExhausted);
  EXPECT_EQ(small.in_use(), 0U);
  ByteLedger large(pools->bytes());
  const CacheMemory memory(layout, pools->shape(0), &large);
  EXPECT_EQ(large.in_use(), pools->bytes());
  EXPECT_EQ(memory.bytes(), pools->bytes());
}

TEST(SequenceCache, ReservesTheWorstCaseAndGivesItBack) {
  FakeCache pools({full()}, options_of(100));
  EXPECT_EQ(pools->max_length(), 112);
  {
    auto first = pools->lease(80);
    ASSERT_TRUE(first);
    EXPECT_EQ(pools->available_length(), 32);
    EXPECT_FALSE(pools->lease(33));
    EXPECT_TRUE(pools->lease(32));
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(first->extend(8), Position(8 * i));
      first->end_step();
    }
    EXPECT_EQ(pools->available_length(), 32);
    SequenceCache moved = std::move(*first);
    EXPECT_EQ(moved.length(), 80);
  }
  EXPECT_EQ(pools->available_length(), 112);
  EXPECT_THROW((void)pools->lease(113), ResourceExhausted);
}

TEST(SequenceCache, NoLengthIsBeyondTheLastPosition) {
  const CacheLayout nothing;
  CacheOptions options;
  options.positions = INT32_MAX;  // no whole number of blocks
  const auto pools = CachePools::make({&nothing}, options);
  EXPECT_EQ(pools->max_length(), INT32_MAX);
  EXPECT_EQ(pools->available_length(), INT32_MAX);
  EXPECT_EQ(pools->lease(INT32_MAX)->max_length(), INT32_MAX);
}

TEST(SequenceCache, AssignmentReturnsWhatWasThere) {
  FakeCache pools({full()}, options_of(64));
  FakeCache others({full()}, options_of(64));
  auto a = pools->lease(32);
  auto b = others->lease(16);
  a->extend(20);
  *b = std::move(*a);
  a.reset();
  EXPECT_EQ(b->length(), 20);
  EXPECT_EQ(pools->available_length(), 32);
  EXPECT_EQ(others->available_length(), 64);
}

TEST(SequenceCache, ForkSharesFullBlocksAndCopiesTheLast) {
  FakeCache pools({full()}, options_of(160));
  auto a = pools->lease(64);
  write(*a, contents(40));
  const auto before = pools.table(*a);
  auto b = a->fork(64);
  ASSERT_TRUE(b);
  const auto after = pools.table(*b);
  ASSERT_EQ(after.size(), 3U);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_NE(after[2], before[2]);
  // Cut into a shared block: it becomes its own.
  b->truncate(20);
  EXPECT_EQ(pools.table(*b)[0], before[0]);
  EXPECT_NE(pools.table(*b)[1], before[1]);
  a.reset();
  EXPECT_EQ(b->extend(24), Position(20));
  b->end_step();
  b->extend(20);
  EXPECT_EQ(b->length(), 64);
  b.reset();
  EXPECT_EQ(pools->available_length(), 160);
}

TEST(SequenceCache, CutsOfSharedBlocksAreRefusedWhole) {
  FakeCache pools({full()}, options_of(64));
  auto a = pools->lease(48);
  write(*a, contents(48));
  auto b = a->fork(64);
  ASSERT_TRUE(b);
  EXPECT_EQ(pools->available_length(), 0);
  const auto before = pools.table(*b);
  EXPECT_THROW(b->truncate(8), ResourceExhausted);
  EXPECT_EQ(b->length(), 48);
  EXPECT_EQ(pools.table(*b), before);
  a.reset();
  b->truncate(8);
  EXPECT_EQ(b->length(), 8);
}

TEST(SequenceCache, OneThatIsntPagedIsRefused) {
  const CacheLayout recurrent(LayerIndex(0), {{CacheKind::kRecurrent, {1, 4, 4}, 0}});
  EXPECT_THROW((void)CachePools::make({&recurrent}, options_of(100)), UnsupportedError);
  const CacheLayout cross(LayerIndex(0), {{CacheKind::kCross, {1, 4, 4}, 0}});
  EXPECT_THROW((void)CachePools::make({&cross}, options_of(100)), UnsupportedError);
}

TEST(SequenceCache, WindowsHoldWhatQueriesSeeAndNoMoreThanPromised) {
  EXPECT_TRUE(rc::check([] {
    const int size = *rc::gen::inRange(1, 80);
    const int max_step = *rc::gen::inRange(1, 60);
    const int limit = *rc::gen::inRange(1, 400);
    CacheOptions options = options_of(400, max_step);
    options.max_draft = *rc::gen::inRange(0, 40);
    FakeCache pools({window(size)}, options);
    auto cache = pools->lease(limit);
    RC_ASSERT(cache.has_value());
    while (cache->length() < limit) {
      const int first = cache->length();
      const int step = std::min(*rc::gen::inRange(1, max_step + 1), limit - first);
      cache->extend(step);
      const auto blocks = pools.table(*cache);
      for (int p = std::max(0, first - size - options.max_draft + 1); p < first + step; ++p)
        RC_ASSERT(blocks[static_cast<std::size_t>(p / kBlock)] >= 0);
      const std::set<std::int32_t> distinct(blocks.begin(), blocks.end());
      RC_ASSERT(distinct.size() - distinct.count(-1) ==
                blocks.size() -
                    static_cast<std::size_t>(std::count(blocks.begin(), blocks.end(), -1)));
      cache->end_step();
    }
  }));
}

TEST(SequenceCache, AWindowSaysHowFarItCanBeTakenBack) {
  CacheOptions options = options_of(400, 24);
  options.max_draft = 5;
  FakeCache pools({full(), window(20)}, options);
  auto cache = pools->lease(400);
  write(*cache, contents(30));
  EXPECT_EQ(cache->min_length(), 0);  // nothing has left the window's blocks yet
  write(*cache, contents(70));
  // 100 rows: 95 must still see 76 to 94, so that the block of 64 is the first.
  EXPECT_EQ(cache->min_length(), 64 + 19);
  EXPECT_EQ(pools.table(*cache, 1)[3], -1);
  EXPECT_GE(pools.table(*cache, 1)[4], 0);
  EXPECT_THROW(cache->truncate(82), InvalidArgument);
  EXPECT_EQ(cache->length(), 100);
  cache->truncate(83);
  EXPECT_EQ(cache->length(), 83);
  EXPECT_EQ(cache->extend(24), Position(83));
}

TEST(SequenceCache, ARejectedDraftGoesWithTheStep) {
  FakeCache pools({full(), window(4)}, options_of(64, 24, 2));
  auto cache = pools->lease({}, {}, 64);
  write(*cache, contents(14));
  cache->extend(contents(10, 100));  // past the end of a block
  cache->end_step(15);
  EXPECT_EQ(cache->length(), 15);
  EXPECT_EQ(pools->prefix_stats().nodes, 0);  // what was rejected isn't known
  cache->extend(contents(1, 15));
  cache->end_step();
  EXPECT_EQ(pools->prefix_stats().nodes, 1);
}

TEST(SequenceCache, ForksOfAWindowSlideWithoutNewRoom) {
  // Room for two sequences in the window's pool and no more.
  FakeCache pools({full(), window(33)}, options_of(600, 16, 2));
  auto a = pools->lease(280);
  for (int i = 0; i < 8; ++i) write(*a, contents(16, static_cast<std::uint64_t>(i)));
  auto b = a->fork(280);
  ASSERT_TRUE(b);
  EXPECT_FALSE(a->fork(280));
  EXPECT_EQ(pools.table(*a, 1), pools.table(*b, 1));
  for (int i = 0; i < 9; ++i) {
    write(*a, contents(16, 200));
    write(*b, contents(16, 300));
  }
  for (const CacheUsage& usage : pools->usage()) EXPECT_GE(usage.available, 0);
}

TEST(SequenceCache, TruncateAndExtendKeepThePromise) {
  EXPECT_TRUE(rc::check([] {
    FakeCache pools({full()}, options_of(320));
    auto a = pools->lease(100);
    auto b = pools->lease(100);
    for (const int n : *rc::gen::container<std::vector<int>>(20, rc::gen::inRange(-30, 25))) {
      SequenceCache& c = *rc::gen::arbitrary<bool>() ? *a : *b;
      if (n > 0) {
        if (n <= c.max_length() - c.length()) {
          c.extend(n);
          c.end_step();
        }
      } else {
        c.truncate(std::max(0, c.length() + n));
      }
      RC_ASSERT(pools->available_length() == 320 - 2 * 112);
    }
  }));
}

TEST(CachePools, RefusesOptionsOutOfRange) {
  const CacheLayout layout(LayerIndex(0), {full()});
  CacheOptions good;
  good.positions = 64;
  EXPECT_NO_THROW((void)CachePools::make({&layout}, good));
  for (const auto& change : std::vector<void (*)(CacheOptions&)>{
           [](CacheOptions& o) { o.block_positions = 24; },
           [](CacheOptions& o) { o.block_positions = 0; }, [](CacheOptions& o) { o.positions = 0; },
           [](CacheOptions& o) { o.max_step = 0; }, [](CacheOptions& o) { o.max_draft = -1; },
           [](CacheOptions& o) { o.max_sequences = 0; }}) {
    CacheOptions bad = good;
    change(bad);
    EXPECT_THROW((void)CachePools::make({&layout}, bad), InvalidArgument);
  }
}

}  // namespace
}  // namespace sirocco
