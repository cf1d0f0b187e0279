#include "sirocco/platform/thread_group.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sched.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/platform/cpu_set.hpp"
#include "sirocco/platform/float_environment.hpp"

#if defined(__x86_64__)
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

namespace sirocco {
namespace {

/// Groups of each size, made once: properties draw from them, so that one group sees many ops.
ThreadGroup& group_of(int threads) {
  static std::optional<ThreadGroup> groups[9];
  std::optional<ThreadGroup>& group = groups[threads];
  if (!group) group.emplace(threads);
  return *group;
}

TEST(ThreadGroup, EachThreadRunsTheBodyOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadGroup group(threads);
    EXPECT_EQ(group.size(), threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> calls(static_cast<std::size_t>(threads));
      std::vector<std::thread::id> ids(calls.size());
      group.run([&](int thread) {
        ++calls[static_cast<std::size_t>(thread)];
        ids[static_cast<std::size_t>(thread)] = std::this_thread::get_id();
      });
      ASSERT_EQ(calls, std::vector<int>(calls.size(), 1));
      ASSERT_EQ(ids[0], std::this_thread::get_id());
    }
  }
}

TEST(ThreadGroup, RefusesToHaveNoThreads) {
  EXPECT_THROW(ThreadGroup(0), InvalidArgument);
  EXPECT_THROW(ThreadGroup(-3), InvalidArgument);
}

RC_GTEST_PROP(ThreadGroup, RangesCoverEveryIndexOnce, ()) {
  const int threads = *rc::gen::inRange(1, 9);
  const auto count = *rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, 40),
                                     rc::gen::inRange<std::int64_t>(0, 5000));
  const auto grain =
      *rc::gen::oneOf(rc::gen::just<std::int64_t>(1), rc::gen::inRange<std::int64_t>(1, 64),
                      rc::gen::inRange<std::int64_t>(1, 6000));
  std::vector<int> calls(static_cast<std::size_t>(count));  // plain: TSan sees two that overlap
  std::atomic<int> misshapen{0};
  group_of(threads).for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
    const bool whole = end - begin == grain || end == count;
    if (begin % grain != 0 || begin >= end || !whole || thread < 0 || thread >= threads) {
      misshapen.fetch_add(1);
    }
    for (std::int64_t i = begin; i < end; ++i) ++calls[static_cast<std::size_t>(i)];
  });
  RC_ASSERT(misshapen.load() == 0);
  RC_ASSERT(calls == std::vector<int>(calls.size(), 1));
}

TEST(ThreadGroup, RangesAreExactNearTheEndOfTheIntegers) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kGrain = kMax / 5;
  std::atomic<std::int64_t> covered{0};
  std::atomic<std::int64_t> last{0};
  group_of(3).for_ranges(kMax, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    covered.fetch_add(end - begin);
    if (end == kMax) last.store(begin);
  });
  EXPECT_EQ(covered.load(), kMax);
  EXPECT_EQ(last.load(), 5 * kGrain);
}

TEST(ThreadGroup, AThreadStreamsItsOwnShareInOrderAndLeavesTheEndToThieves) {
  constexpr std::int64_t kSteps = 64;
  ThreadGroup group(2);
  std::atomic<bool> release{false};
  std::vector<std::int64_t> done[2];
  group.for_ranges(kSteps, 1, [&](std::int64_t begin, std::int64_t, int thread) {
    // The helper is held at its first step until the caller, having run out of its own share, has
    // taken all others.
    if (thread == 1 && begin == kSteps / 2) {
      while (!release.load(std::memory_order_acquire)) std::this_thread::yield();
    }
    done[thread].push_back(begin);
    if (thread == 0 && done[0].size() == kSteps - 1) release.store(true, std::memory_order_release);
    // Without a helper that has begun, nothing holds the caller back from taking its first step.
    if (thread == 0 && begin == kSteps / 2) release.store(true, std::memory_order_release);
  });
  std::vector<std::int64_t> expected(kSteps / 2);
  std::iota(expected.begin(), expected.end(), 0);
  for (std::int64_t step = kSteps - 1; step > kSteps / 2; --step) expected.push_back(step);
  if (done[1].empty()) expected.push_back(kSteps / 2);
  EXPECT_EQ(done[0], expected);
}

TEST(ThreadGroup, WhatTheCallerWroteBeforeAndTheHelpersDuringIsVisible) {
  // Plain memory throughout: a missing acquire or release is a race that TSan reports.
  ThreadGroup group(4);
  std::vector<std::int64_t> values(4096, 1);
  std::int64_t factor = 1;
  for (int round = 1; round <= 300; ++round) {
    factor = round % 3 + 1;
    group.for_ranges(static_cast<std::int64_t>(values.size()), 128,
                     [&](std::int64_t begin, std::int64_t end, int) {
                       for (std::int64_t i = begin; i < end; ++i) {
                         values[static_cast<std::size_t>(i)] =
                             values[static_cast<std::size_t>(i)] % 1000 * factor + i;
                       }
                     });
    std::vector<std::int64_t> sums(4);
    group.run([&](int thread) {
      for (std::size_t i = static_cast<std::size_t>(thread); i < values.size(); i += 4) {
        sums[static_cast<std::size_t>(thread)] += values[i];
      }
    });
    ASSERT_EQ(std::accumulate(sums.begin(), sums.end(), std::int64_t{0}),
              std::accumulate(values.begin(), values.end(), std::int64_t{0}));
  }
}

TEST(ThreadGroup, ComesBackAfterItsHelpersHaveParked) {
  ThreadGroup group(3);
  std::atomic<int> calls{0};
  for (int round = 0; round < 20; ++round) {
    // From far below to far above the time for which helpers wait awake.
    std::this_thread::sleep_for(std::chrono::microseconds(round * 60));
    group.run([&](int thread) {
      // Helpers that take longer than the caller waits awake make the caller park.
      if (thread != 0) std::this_thread::sleep_for(std::chrono::microseconds(round * 60));
      calls.fetch_add(1, std::memory_order_relaxed);
    });
  }
  EXPECT_EQ(calls.load(), 60);
}

TEST(ThreadGroup, MoreThreadsThanCoresStillWorks) {
  ThreadGroup group(static_cast<int>(usable_cpus().size()) + 6);
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> calls{0};
    group.run([&](int) { calls.fetch_add(1, std::memory_order_relaxed); });
    ASSERT_EQ(calls.load(), group.size());
  }
}

TEST(ThreadGroup, TwoGroupsWorkAtOnce) {
  const auto work = [] {
    ThreadGroup group(2);
    std::int64_t sum = 0;
    for (int round = 0; round < 500; ++round) {
      std::int64_t parts[2] = {};
      group.run([&](int thread) { parts[thread] = round + thread; });
      sum += parts[0] + parts[1];
    }
    return sum;
  };
  std::int64_t other = 0;
  std::thread second([&] { other = work(); });
  const std::int64_t mine = work();
  second.join();
  EXPECT_EQ(mine, 500 * 499 + 500);
  EXPECT_EQ(other, mine);
}

TEST(ThreadGroup, BindsHelpersAndNeverTheCaller) {
  const std::vector<int> before = usable_cpus();
  const int cpu = before.back();
  ThreadGroup group(3, std::span(&cpu, 1));
  std::vector<std::vector<int>> seen(3);
  group.run([&](int thread) { seen[static_cast<std::size_t>(thread)] = usable_cpus(); });
  EXPECT_EQ(seen[0], before);
  EXPECT_EQ(seen[1], std::vector<int>{cpu});
  EXPECT_EQ(seen[2], std::vector<int>{cpu});
}

TEST(ThreadGroup, RefusesACpuThatIsNotThere) {
  for (const int cpu : {-1, 60000, 1 << 20}) {
    EXPECT_THROW(ThreadGroup(2, std::span(&cpu, 1)), InvalidArgument) << cpu;
  }
}

using ThreadGroupDeathTest = ::testing::Test;

TEST(ThreadGroupDeathTest, ABodyThatUsesItsOwnGroupIsADefect) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (int threads : {1, 2}) {
    EXPECT_DEATH(
        {
          ThreadGroup group(threads);
          group.run([&](int thread) {
            if (thread == 0) group.run([](int) {});
          });
        },
        "already_running");
    EXPECT_DEATH(
        {
          ThreadGroup group(threads);
          group.for_ranges(8, 1, [&](std::int64_t, std::int64_t, int) {
            group.for_ranges(8, 1, [](std::int64_t, std::int64_t, int) {});
          });
        },
        "already_running");
  }
}

float one_and_very_little() {
  volatile float one = 1;
  volatile float very_little = 1e-10f;
  return one + very_little;
}

TEST(ThreadGroup, BodiesRoundToNearestWhateverTheCallerDoes) {
  const float nearest = one_and_very_little();
  for (int threads : {1, 3}) {
    std::vector<float> seen(static_cast<std::size_t>(threads));
    ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
    const float upward = one_and_very_little();
    ThreadGroup group(threads);  // helpers inherit the mode that they must not keep
    group.run([&](int thread) { seen[static_cast<std::size_t>(thread)] = one_and_very_little(); });
    std::vector<float> ranges(seen.size());
    group.for_ranges(threads, 1, [&](std::int64_t begin, std::int64_t, int) {
      ranges[static_cast<std::size_t>(begin)] = one_and_very_little();
    });
    const float after = one_and_very_little();
    std::fesetround(FE_TONEAREST);
    EXPECT_NE(upward, nearest);
    EXPECT_EQ(seen, std::vector<float>(seen.size(), nearest));
    EXPECT_EQ(ranges, seen);
    EXPECT_EQ(after, upward);
  }
}

#if defined(__x86_64__)
TEST(ThreadGroup, BodiesKeepDenormals) {
  const auto halve_min_normal = [] {
    volatile float min_normal = std::numeric_limits<float>::min();
    volatile float half = 0.5f;
    return min_normal * half;
  };
  for (int threads : {1, 2}) {
    std::vector<float> seen(static_cast<std::size_t>(threads), -1.0f);
    const unsigned before = _mm_getcsr();
    _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
    const float flushed = halve_min_normal();
    ThreadGroup group(threads);
    for (int round = 0; round < 2; ++round) {
      group.run([&](int thread) {
        seen[static_cast<std::size_t>(thread)] = halve_min_normal();
        _mm_setcsr(_mm_getcsr() | _MM_ROUND_DOWN | _MM_FLUSH_ZERO_ON);  // not for the next one
      });
    }
    EXPECT_EQ(_MM_GET_ROUNDING_MODE(), _MM_ROUND_NEAREST);
    EXPECT_EQ(_MM_GET_FLUSH_ZERO_MODE(), _MM_FLUSH_ZERO_ON);
    EXPECT_EQ(_MM_GET_DENORMALS_ZERO_MODE(), _MM_DENORMALS_ZERO_ON);
    _mm_setcsr(before);
    EXPECT_EQ(flushed, 0.0f);
    EXPECT_EQ(seen, std::vector<float>(seen.size(), std::numeric_limits<float>::min() / 2));
  }
}
#endif

}  // namespace
}  // namespace sirocco
