#include "sirocco/server/openai/responses/response_store.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

namespace sirocco::openai {
namespace {

using Held = ResponseStore::Held;

std::shared_ptr<const Turn> turn(int number, std::shared_ptr<const Turn> before = nullptr,
                                 std::size_t bytes = 10) {
  std::vector<MessageItem> input = {
      {fmt::format("in_{}", number), Role::kUser, {std::string(bytes, 'i')}}};
  MessageItem output = {fmt::format("out_{}", number), Role::kAssistant, {"o"}};
  return std::make_shared<const Turn>(std::move(before), std::move(input), std::move(output));
}

std::string id(int number) { return fmt::format("resp_{}", number); }

/// A store whose clock stands still unless it is set.
struct Kept {
  explicit Kept(ResponseStoreLimits limits) : store(limits, [this] { return now; }) {}
  std::shared_ptr<const Turn> put(int number, std::uint64_t owner = 1,
                                  std::shared_ptr<const Turn> before = nullptr,
                                  std::size_t bytes = 10) {
    auto made = turn(number, std::move(before), bytes);
    store.put(owner, id(number), {"body " + std::to_string(number), made});
    return made;
  }
  bool has(int number, std::uint64_t owner = 1) { return store.find(owner, id(number)) != nullptr; }

  double now = 1000;
  ResponseStore store;
};

constexpr std::size_t kPlenty = std::size_t{1} << 30;

TEST(ResponseStore, KeepsWhatWasPut) {
  Kept kept({10, kPlenty, 60});
  const auto made = kept.put(1);
  const auto found = kept.store.find(1, id(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->body, "body 1");
  EXPECT_EQ(found->turn, made);
  EXPECT_EQ(kept.store.find(1, "resp_2"), nullptr);
  EXPECT_EQ(kept.store.find(1, ""), nullptr);
}

TEST(ResponseStore, AKeyFindsItsOwnAlone) {
  Kept kept({10, kPlenty, 60});
  kept.put(1, 7);
  for (const std::uint64_t other : {0, 1, 8}) {
    EXPECT_FALSE(kept.has(1, other));
    EXPECT_EQ(kept.store.find_item(other, "in_1"), std::nullopt);
    EXPECT_FALSE(kept.store.erase(other, id(1)));
  }
  EXPECT_TRUE(kept.has(1, 7));
}

TEST(ResponseStore, ItemsAreFound) {
  Kept kept({10, kPlenty, 60});
  kept.put(2, 1, kept.put(1));
  EXPECT_EQ(kept.store.find_item(1, "in_1")->parts[0], ItemPart(std::string(10, 'i')));
  EXPECT_EQ(kept.store.find_item(1, "out_2")->role, Role::kAssistant);
  EXPECT_EQ(kept.store.find_item(1, "out_3"), std::nullopt);
  kept.store.erase(1, id(1));
  EXPECT_EQ(kept.store.find_item(1, "in_1"), std::nullopt);
  EXPECT_EQ(kept.store.find_item(1, "out_1"), std::nullopt);
  EXPECT_NE(kept.store.find_item(1, "in_2"), std::nullopt);
}

TEST(ResponseStore, TheLeastRecentlyUsedIsForgotten) {
  Kept kept({3, kPlenty, 60});
  for (const int number : {1, 2, 3}) kept.put(number);
  EXPECT_TRUE(kept.has(1));
  kept.store.find_item(1, "in_2");
  kept.put(4);
  EXPECT_FALSE(kept.has(3));
  kept.put(5);
  EXPECT_FALSE(kept.has(1));
  EXPECT_TRUE(kept.has(2));
  EXPECT_EQ(kept.store.held().responses, 3u);
}

TEST(ResponseStore, OneKeyDoesNotDriveOutAnother) {
  Kept kept({4, kPlenty, 60});
  kept.put(1, 7);
  for (int number = 2; number < 50; ++number) kept.put(number, 8);
  EXPECT_TRUE(kept.has(1, 7));
  EXPECT_EQ(kept.store.held().responses, 4u);
  EXPECT_TRUE(kept.has(49, 8));
  EXPECT_FALSE(kept.has(46, 8));
}

TEST(ResponseStore, PicturesCount) {
  const auto picture = [](std::size_t bytes) {
    const auto source = std::make_shared<const std::string>(bytes, 'A');
    std::vector<MessageItem> input = {{"in_1", Role::kUser, {ItemPicture{{source, 0, ""}}}}};
    return Turn(nullptr, std::move(input), {"out_1", Role::kAssistant, {std::string("o")}}).bytes();
  };
  EXPECT_GE(picture(1'000'000), picture(0) + 1'000'000);
}

TEST(ResponseStore, BytesAreBounded) {
  Kept kept({100, 100'000, 60});
  for (int number = 0; number < 30; ++number) {
    kept.put(number, 1, nullptr, 10'000);
    EXPECT_LE(kept.store.held().bytes, 100'000u);
  }
  EXPECT_TRUE(kept.has(29));
  const std::size_t some = kept.store.held().responses;
  EXPECT_GE(some, 7u);
  EXPECT_LE(some, 9u);
  kept.put(30, 1, nullptr, 200'000);
  EXPECT_FALSE(kept.has(30));
  EXPECT_EQ(kept.store.held(), Held());
}

TEST(ResponseStore, NothingIsKeptWhereNothingMayBe) {
  Kept kept({0, kPlenty, 60});
  kept.put(1);
  EXPECT_FALSE(kept.has(1));
  EXPECT_EQ(kept.store.held(), Held());
}

TEST(ResponseStore, WhatIsNotUsedIsForgotten) {
  Kept kept({10, kPlenty, 60});
  kept.put(1);
  kept.put(2);
  kept.now += 60;
  EXPECT_TRUE(kept.has(1));
  kept.now += 1;
  EXPECT_EQ(kept.store.held().responses, 2u);
  kept.store.forget_unused();
  EXPECT_EQ(kept.store.held().responses, 1u);
  EXPECT_FALSE(kept.has(2));
  kept.now += 58;
  EXPECT_TRUE(kept.has(1));
  kept.now += 60.5;
  EXPECT_EQ(kept.store.find_item(1, "in_1"), std::nullopt);
  EXPECT_FALSE(kept.store.erase(1, id(1)));
  EXPECT_EQ(kept.store.held(), Held());
}

TEST(ResponseStore, ConversationsOutliveTheirFirstResponses) {
  Kept kept({10, kPlenty, 60});
  const auto first = kept.put(1, 1, nullptr, 1000);
  const std::size_t alone = kept.store.held().bytes;
  const auto second = kept.put(2, 1, first);
  const auto branch = kept.put(3, 1, first);
  // The first turn counts once, whoever stands on it.
  EXPECT_LT(kept.store.held().bytes, 3 * alone - 1500);
  EXPECT_TRUE(kept.store.erase(1, id(1)));
  EXPECT_FALSE(kept.store.erase(1, id(1)));
  EXPECT_EQ(items_of(kept.store.find(1, id(2))->turn.get()).size(), 4u);
  EXPECT_TRUE(kept.store.erase(1, id(2)));
  EXPECT_GT(kept.store.held().bytes, 1000u);
  EXPECT_TRUE(kept.store.erase(1, id(3)));
  EXPECT_EQ(kept.store.held(), Held());
  // Somebody went on from what was forgotten meanwhile: it counts again.
  kept.put(4, 1, first);
  EXPECT_GT(kept.store.held().bytes, 1000u);
  EXPECT_TRUE(kept.store.erase(1, id(4)));
  EXPECT_EQ(kept.store.held(), Held());
}

TEST(ResponseStore, ItemsOfAConversationStandInTheirOrder) {
  const auto last = turn(3, turn(2, turn(1)));
  std::vector<std::string> ids;
  for (const MessageItem* item : items_of(last.get())) ids.push_back(item->id);
  EXPECT_EQ(ids, (std::vector<std::string>{"in_1", "out_1", "in_2", "out_2", "in_3", "out_3"}));
  EXPECT_EQ(last->items(), 6u);
  EXPECT_TRUE(items_of(nullptr).empty());
}

TEST(ResponseStore, LongConversationsEndWithoutRecursion) {
  std::shared_ptr<const Turn> last;
  std::weak_ptr<const Turn> first;
  for (int number = 0; number < 300'000; ++number) {
    last = turn(number, std::move(last), 1);
    if (number == 0) first = last;
  }
  EXPECT_EQ(last->items(), 600'000u);
  last.reset();
  EXPECT_TRUE(first.expired());
}

TEST(ResponseStore, ManyThreadsMayUseIt) {
  ResponseStore store({16, 200'000, 60});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&store, thread] {
      std::shared_ptr<const Turn> last;
      for (int i = 0; i < 500; ++i) {
        const int number = thread * 1000 + i;
        last = turn(number, i % 7 == 0 ? nullptr : last, 100);
        store.put(static_cast<std::uint64_t>(thread % 2), id(number), {"b", last});
        store.find(static_cast<std::uint64_t>(thread % 2), id(number - i % 5));
        if (i % 3 == 0) store.erase(static_cast<std::uint64_t>(thread % 2), id(number - 1));
        EXPECT_LE(store.held().responses, 16u);
        EXPECT_LE(store.held().bytes, 200'000u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Whatever is done, the store is what a plain list of responses is, and holds its limits.

struct Plain {
  int number;
  std::uint64_t owner;
  std::shared_ptr<const Turn> turn;
  double used_at;
};

class PlainStore {
 public:
  explicit PlainStore(ResponseStoreLimits limits) : limits_(limits) {}

  void put(Plain entry) {
    entries_.push_back(std::move(entry));
    while (entries_.size() > limits_.max_responses)
      forget_of_most([&](std::uint64_t owner) { return count(owner); });
    while (bytes() > limits_.max_bytes)
      forget_of_most([&](std::uint64_t owner) { return bytes(owner); });
  }
  bool use(std::uint64_t owner, int number, double now) {
    const auto at = find(owner, number);
    if (at == entries_.end()) return false;
    at->used_at = now;
    std::rotate(at, at + 1, entries_.end());
    return true;
  }
  bool erase(std::uint64_t owner, int number) {
    const auto at = find(owner, number);
    if (at == entries_.end()) return false;
    entries_.erase(at);
    return true;
  }
  void forget_unused(double now) {
    std::erase_if(entries_,
                  [&](const Plain& entry) { return now - entry.used_at > limits_.max_unused_s; });
  }
  std::shared_ptr<const Turn> turn_of(std::uint64_t owner, int number) {
    const auto at = find(owner, number);
    return at == entries_.end() ? nullptr : at->turn;
  }
  std::size_t count(std::uint64_t owner) const {
    return static_cast<std::size_t>(std::ranges::count(entries_, owner, &Plain::owner));
  }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const std::uint64_t owner : owners()) sum += bytes(owner);
    return sum;
  }
  std::size_t bytes(std::uint64_t owner) const {
    std::set<const Turn*> turns;
    std::size_t sum = 0;
    for (const Plain& entry : entries_) {
      if (entry.owner != owner) continue;
      sum += body_bytes(entry.number);
      for (const Turn* t = entry.turn.get(); t != nullptr; t = t->before().get()) turns.insert(t);
    }
    for (const Turn* t : turns) sum += t->bytes();
    return sum;
  }

 private:
  /// What a response takes besides its turn, as a store with it alone says.
  static std::size_t body_bytes(int number) {
    ResponseStore alone({1, kPlenty, 60});
    const auto made = turn(number);
    alone.put(1, id(number), {"body " + std::to_string(number), made});
    return alone.held().bytes - made->bytes();
  }
  std::set<std::uint64_t> owners() const {
    std::set<std::uint64_t> out;
    for (const Plain& entry : entries_) out.insert(entry.owner);
    return out;
  }
  std::vector<Plain>::iterator find(std::uint64_t owner, int number) {
    return std::ranges::find_if(entries_, [&](const Plain& entry) {
      return entry.owner == owner && entry.number == number;
    });
  }
  template <class Size>
  void forget_of_most(Size size) {
    // The first entry is the one that was used longest ago.
    std::size_t most = 0;
    for (const std::uint64_t owner : owners()) most = std::max(most, size(owner));
    entries_.erase(std::ranges::find_if(
        entries_, [&](const Plain& entry) { return size(entry.owner) == most; }));
  }

  ResponseStoreLimits limits_;
  std::vector<Plain> entries_;  // least recently used first
};

TEST(ResponseStoreProperty, IsAsAPlainListOfResponses) {
  EXPECT_TRUE(rc::check([] {
    const ResponseStoreLimits limits{static_cast<std::size_t>(*rc::gen::inRange(0, 9)),
                                     static_cast<std::size_t>(*rc::gen::inRange(1000, 30'000)), 50};
    Kept kept(limits);
    PlainStore plain(limits);
    const auto steps = *rc::gen::inRange(1, 60);
    int made = 0;
    for (int step = 0; step < steps; ++step) {
      const auto owner = static_cast<std::uint64_t>(*rc::gen::inRange(0, 3));
      const int other = *rc::gen::inRange(0, made + 1);
      kept.now += *rc::gen::inRange(0, 8);
      plain.forget_unused(kept.now);
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1: {
          const auto before = plain.turn_of(owner, other);
          const auto bytes = static_cast<std::size_t>(*rc::gen::inRange(0, 6000));
          const auto put = kept.put(made, owner, before, bytes);
          plain.put({made, owner, put, kept.now});
          ++made;
          break;
        }
        case 2:
          RC_ASSERT(kept.has(other, owner) == plain.use(owner, other, kept.now));
          break;
        case 3:
          RC_ASSERT(kept.store.find_item(owner, fmt::format("out_{}", other)).has_value() ==
                    plain.use(owner, other, kept.now));
          break;
        default:
          RC_ASSERT(kept.store.erase(owner, id(other)) == plain.erase(owner, other));
      }
      if (*rc::gen::arbitrary<bool>()) kept.store.forget_unused();
      const Held held = kept.store.held();
      RC_ASSERT(held.responses == plain.size());
      RC_ASSERT(held.bytes == plain.bytes());
      RC_ASSERT(held.responses <= limits.max_responses);
      RC_ASSERT(held.bytes <= limits.max_bytes);
    }
    for (int number = 0; number < made; ++number) {
      for (std::uint64_t owner = 0; owner < 3; ++owner)
        RC_ASSERT(kept.has(number, owner) == (plain.turn_of(owner, number) != nullptr));
    }
  }));
}

}  // namespace
}  // namespace sirocco::openai
