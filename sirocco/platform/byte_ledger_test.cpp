#include "sirocco/platform/byte_ledger.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using Reservation = ByteLedger::Reservation;

static_assert(!std::is_copy_constructible_v<Reservation> &&
              !std::is_copy_assignable_v<Reservation> &&
              std::is_nothrow_move_constructible_v<Reservation>);

constexpr std::uint64_t kMiB = 1 << 20;

TEST(ByteLedger, ARefusalSaysWhatWasWantedAndWhoHoldsWhat) {
  ByteLedger ledger(1024 * kMiB);
  const Reservation weights = ledger.reserve(600 * kMiB, "weights");
  const Reservation other = ledger.reserve(100 * kMiB, "scratch");
  const Reservation more = ledger.reserve(100 * kMiB, "weights");
  try {
    ledger.reserve(300 * kMiB, "KV cache");
    FAIL();
  } catch (const ResourceExhausted& e) {
    EXPECT_STREQ(e.what(),
                 "KV cache needs 300 MiB, but 224 MiB of the memory budget of 1.00 GiB are left, "
                 "in use: weights 700 MiB, scratch 100 MiB; use a smaller model or context, or a "
                 "larger budget");
  }
  EXPECT_EQ(ledger.in_use(), 800 * kMiB);
  EXPECT_THROW(ledger.reserve(225 * kMiB, "KV cache"), ResourceExhausted);
  EXPECT_NO_THROW(ledger.reserve(224 * kMiB, "KV cache"));
}

TEST(ByteLedger, CountsNeverWrap) {
  ByteLedger ledger(100);
  const Reservation some = ledger.reserve(60, "some");
  EXPECT_THROW(ledger.reserve(~std::uint64_t{0}, "all"), ResourceExhausted);
  EXPECT_THROW(ledger.reserve(~std::uint64_t{0} - 59, "all"), ResourceExhausted);
  ByteLedger endless(~std::uint64_t{0});
  const Reservation all = endless.reserve(~std::uint64_t{0}, "all");
  EXPECT_EQ(endless.free(), 0u);
  EXPECT_NO_THROW(endless.reserve(0, "nothing"));
  EXPECT_THROW(endless.reserve(1, "a byte"), ResourceExhausted);
}

TEST(ByteLedger, MovingHandsOverAndAssigningGivesBack) {
  ByteLedger ledger(100);
  Reservation a = ledger.reserve(40, "a");
  Reservation b = std::move(a);
  EXPECT_EQ(a.bytes(), 0u);  // NOLINT(bugprone-use-after-move): its state is part of the contract
  EXPECT_EQ(ledger.in_use(), 40u);
  b = ledger.reserve(50, "b");
  EXPECT_EQ(ledger.in_use(), 50u);
  Reservation& same = b;
  b = std::move(same);
  EXPECT_EQ(ledger.in_use(), 50u);
  b = {};
  EXPECT_EQ(ledger.in_use(), 0u);
  EXPECT_TRUE(ledger.accounts().empty());
}

TEST(ByteLedger, AReservationMayOutliveTheLedger) {
  Reservation held;
  {
    ByteLedger ledger(100);
    held = ledger.reserve(40, "held");
  }
  EXPECT_EQ(held.bytes(), 40u);
}

TEST(ByteLedger, APartCountsInTheWholeToo) {
  ByteLedger whole(100);
  ByteLedger part(60, whole);
  ByteLedger other(60, whole);
  Reservation held = part.reserve(50, "weights");
  EXPECT_EQ(part.free(), 10u);
  EXPECT_EQ(whole.in_use(), 50u);
  EXPECT_EQ(whole.accounts().front().name, "weights");
  // What the part refuses is given back to the whole, and what the whole refuses isn't the part's.
  EXPECT_THROW(part.reserve(11, "KV cache"), ResourceExhausted);
  EXPECT_EQ(whole.in_use(), 50u);
  EXPECT_EQ(other.free(), 50u);
  EXPECT_THROW(other.reserve(51, "KV cache"), ResourceExhausted);
  EXPECT_EQ(other.in_use(), 0u);
  Reservation moved = std::move(held);
  EXPECT_EQ(whole.in_use(), 50u);
  moved = {};
  EXPECT_EQ(whole.in_use(), 0u);
  EXPECT_EQ(part.free(), 60u);
}

TEST(ByteLedger, WhatIsTakenInAnyCaseIsCountedBeyondTheBudget) {
  ByteLedger whole(100);
  ByteLedger part(60, whole);
  const Reservation weights = part.reserve(50, "weights");
  Reservation scratch = part.charge(70, "scratch memory");
  EXPECT_EQ(part.in_use(), 120u);
  EXPECT_EQ(whole.in_use(), 120u);
  EXPECT_EQ(part.free(), 0u);
  EXPECT_THROW(whole.reserve(1, "a byte"), ResourceExhausted);
  scratch = {};
  EXPECT_EQ(whole.in_use(), 50u);
  EXPECT_EQ(part.free(), 10u);
}

RC_GTEST_PROP(ByteLedger, TheBooksAlwaysBalance, ()) {
  const auto limit = *rc::gen::inRange<std::uint64_t>(0, 200);
  ByteLedger ledger(limit);
  std::vector<std::pair<std::string, Reservation>> held;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, std::uint64_t>>>(
      rc::gen::pair(rc::gen::inRange(0, 9), rc::gen::inRange<std::uint64_t>(0, 120)));
  for (const auto& [action, bytes] : steps) {
    const std::string name(1, static_cast<char>('a' + action % 3));
    const std::uint64_t left = ledger.free();
    if (action < 5) {
      const bool fits = bytes <= left;
      try {
        held.emplace_back(name, ledger.reserve(bytes, name));
        RC_ASSERT(fits);
      } catch (const ResourceExhausted&) {
        RC_ASSERT(!fits);
      }
    } else if (!held.empty()) {
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(bytes % held.size()));
    }
    std::map<std::string, std::uint64_t> expected;
    std::uint64_t sum = 0;
    for (const auto& [owner, reservation] : held) {
      sum += reservation.bytes();
      if (reservation.bytes() != 0) expected[owner] += reservation.bytes();
    }
    std::map<std::string, std::uint64_t> found;
    for (const auto& account : ledger.accounts()) found[account.name] = account.bytes;
    RC_ASSERT(found == expected);
    RC_ASSERT(ledger.in_use() == sum);
    RC_ASSERT(ledger.in_use() <= limit);
  }
}

TEST(ByteLedger, ThreadsNeverGetMoreThanThereIs) {
  ByteLedger ledger(100);
  std::atomic<bool> within = true;
  const auto work = [&](const char* name) {
    for (int round = 0; round < 500; ++round) {
      try {
        const Reservation reservation = ledger.reserve(60, name);
        if (ledger.in_use() > 100) within = false;
      } catch (const ResourceExhausted&) {
        std::this_thread::yield();
      }
    }
  };
  std::thread a(work, "a");
  std::thread b(work, "b");
  work("c");
  a.join();
  b.join();
  EXPECT_TRUE(within);
  EXPECT_EQ(ledger.in_use(), 0u);
}

}  // namespace
}  // namespace sirocco
