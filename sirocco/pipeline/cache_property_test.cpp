// Sequences that come, grow, are cut, forked and dropped, several steps under way at once, over
// small pools of every kind of group: each reads back its own history whatever the others do.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/cache_testing.hpp"

namespace sirocco {
namespace {

using namespace cache_testing;

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15 + b + 1;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// Everything that an action chooses, out of one number.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t n) { return (state_ = mixed(state_, 17)) % n; }
  int between(int a, int b) {
    return a + static_cast<int>(below(static_cast<std::size_t>(b - a + 1)));
  }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// A few texts that begin alike.
ContentId token(std::size_t text, std::size_t position) {
  const std::size_t shared = position < 21 ? 0 : position < 50 ? 1 + text % 3 : 10 + text;
  return ContentId(1000 * shared + position);
}

struct Seen {
  PrefixStats prefix;
  std::size_t forks = 0;
  std::size_t cuts = 0;
  std::size_t copies = 0;
};

class Model {
 public:
  Model(std::vector<CacheLayout> layouts, const CacheOptions& options)
      : layouts_(layouts), options_(options), cache_(std::move(layouts), options) {}

  void act(std::uint64_t choice) {
    Dice dice(choice);
    switch (dice.below(16)) {
      case 0:
      case 1:
      case 2:
        lease(dice);
        break;
      case 3:
        truncate(dice);
        break;
      case 4:
        fork(dice);
        break;
      case 5:
        drop(dice);
        break;
      case 6:
        if (dice.one_in(20)) cache_->clear();
        if (dice.one_in(20)) cache_->clear(PrefixKey{1, 0});
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        end_step(dice);
        break;
      default:
        step(dice);
    }
    if (dice.one_in(2)) check();
  }

  /// Everything is as it should be. The commands recorded so far are done first.
  void check() {
    std::vector<const SequenceCache*> all;
    for (const Live& s : live_) all.push_back(&s.cache);
    begin_step(all);
    for (std::size_t stage = 0; stage < layouts_.size(); ++stage) {
      for (std::size_t g = 0; g < layouts_[stage].groups().size(); ++g) check_group(stage, g);
    }
  }

  void finish() {
    check();
    live_.clear();
    for (const CacheUsage& usage : cache_->usage()) {
      RC_ASSERT(usage.held == 0);
      RC_ASSERT(usage.available == usage.blocks);
    }
    cache_->clear();
    for (const CacheUsage& usage : cache_->usage()) RC_ASSERT(usage.idle == 0);
    RC_ASSERT(cache_->prefix_stats().nodes == 0);
  }

  Seen seen() const {
    Seen seen = seen_;
    seen.prefix = cache_->prefix_stats();
    return seen;
  }
  /// Of all block tables and commands that there were.
  std::uint64_t trace() const { return trace_; }

 private:
  struct Live {
    SequenceCache cache;
    PrefixKey key;
    std::size_t text = 0;
    std::vector<std::uint64_t> history = {};  // a number for all rows up to each
    bool in_step = false;
    std::int32_t begin = 0;  // of the step
    std::int32_t reach = 0;  // the most that it was, as far as it can be taken back from there

    void remember(ContentId id) {
      history.push_back(mixed(history.empty() ? key.owner : history.back(), id.value()));
    }
  };

  static std::uint64_t value(std::uint64_t history, std::size_t stage, std::size_t group) {
    return mixed(history, 10 * stage + group);
  }

  void begin_step(std::span<const SequenceCache* const> sequences) {
    cache_.begin_step(sequences);
    for (const StageCaches& stage : cache_.step().stages) {
      for (const GroupCaches& group : stage.groups) {
        for (const std::int32_t id : group.table)
          trace_ = mixed(trace_, static_cast<std::uint64_t>(id));
        for (const BlockCommand& command : group.commands) {
          seen_.copies += command.kind == BlockCommand::Kind::kCopy ? 1 : 0;
          trace_ = mixed(trace_, static_cast<std::uint64_t>(command.to.value()));
        }
      }
    }
  }

  void check_group(std::size_t stage, std::size_t g) {
    const CacheNeed& need = layouts_[stage].groups()[g].need;
    std::set<std::int32_t> distinct;
    for (std::size_t s = 0; s < live_.size(); ++s) {
      const Live& live = live_[s];
      const std::int32_t seen_from = live.in_step ? live.begin : live.cache.length();
      const std::int64_t from =
          need.kind == CacheKind::kWindow ? std::int64_t{seen_from} - need.window + 1 : 0;
      RC_ASSERT(live.history.size() == static_cast<std::size_t>(live.cache.length()));
      for (std::size_t p = 0; p < live.history.size(); ++p) {
        const std::int32_t id = cache_.block(stage, g, s, p / kBlock);
        if (id < 0) {
          RC_ASSERT(static_cast<std::int64_t>(p) < from);
          continue;
        }
        distinct.insert(id);
        RC_ASSERT(cache_.row(stage, g, s, p) == value(live.history[p], stage, g));
      }
    }
    for (const CacheUsage& usage : cache_->usage()) {
      if (usage.stage != static_cast<int>(stage) || usage.group != static_cast<int>(g)) continue;
      RC_ASSERT(usage.held == static_cast<std::int32_t>(distinct.size()));
      RC_ASSERT(usage.available >= 0);
      RC_ASSERT(usage.available <= usage.blocks - usage.held);
    }
  }

  void lease(Dice& dice) {
    if (live_.size() >= 6) return drop(dice);
    const PrefixKey key{dice.one_in(4) ? 1U : 0U, 0};
    const std::size_t text = dice.below(9);
    std::vector<ContentId> prompt;
    for (std::size_t i = 0, n = 1 + dice.below(dice.one_in(2) ? 60 : 120); i < n; ++i)
      prompt.push_back(token(text, i));
    const auto limit =
        std::min(static_cast<std::int32_t>(prompt.size() + dice.below(50)), cache_->max_length());
    const bool shares = !dice.one_in(8);
    const std::int32_t room = cache_->available_length();
    auto got = shares ? cache_->lease(key, prompt, limit) : cache_->lease(limit);
    if (!got) {
      RC_ASSERT(limit > room);
      return drop(dice);
    }
    RC_ASSERT(got->length() == 0 || shares);
    RC_ASSERT(got->length() % kBlock == 0);
    RC_ASSERT(got->length() < static_cast<std::int32_t>(prompt.size()));
    RC_ASSERT(got->min_length() <= got->length());
    Live live{std::move(*got), key, text};
    if (live.cache.length() > 0) live.reach = live.cache.length() + options_.max_draft;
    for (std::int32_t i = 0; i < live.cache.length(); ++i)
      live.remember(prompt[static_cast<std::size_t>(i)]);
    live_.push_back(std::move(live));
  }

  void step(Dice& dice) {
    std::vector<const SequenceCache*> caches;
    std::vector<Live*> members;
    for (Live& live : live_) {
      const std::int32_t room = live.cache.max_length() - live.cache.length();
      if (live.in_step || room == 0 || dice.one_in(5)) continue;
      const int most = std::min(options_.max_step, static_cast<int>(room));
      const int rows = dice.one_in(2) ? most : dice.between(1, most);
      live.begin = live.cache.length();
      live.in_step = true;
      if (dice.one_in(24)) {
        for (int i = 0; i < rows; ++i) live.remember(ContentId(++unique_ | std::uint64_t{1} << 63));
        RC_ASSERT(live.cache.extend(rows) == Position(live.begin));
      } else {
        std::vector<ContentId> ids;
        const std::size_t text = dice.one_in(4) ? dice.below(9) : live.text;
        for (int i = 0; i < rows; ++i) {
          ids.push_back(token(text, live.history.size()));
          live.remember(ids.back());
        }
        RC_ASSERT(live.cache.extend(ids) == Position(live.begin));
      }
      caches.push_back(&live.cache);
      members.push_back(&live);
    }
    // Steps are done in the order of their beginning, whenever their ends are heard of.
    begin_step(caches);
    for (std::size_t stage = 0; stage < layouts_.size(); ++stage) {
      for (std::size_t g = 0; g < layouts_[stage].groups().size(); ++g) {
        for (std::size_t s = 0; s < members.size(); ++s) {
          const auto& history = members[s]->history;
          for (auto p = static_cast<std::size_t>(members[s]->begin); p < history.size(); ++p)
            cache_.row(stage, g, s, p) = value(history[p], stage, g);
        }
      }
    }
  }

  void end_step(Dice& dice) {
    for (Live& live : live_) {
      if (!live.in_step || dice.one_in(6)) continue;
      live.in_step = false;
      const std::int32_t length = live.cache.length();
      if (dice.one_in(4)) {
        const std::int32_t kept = dice.between(live.begin, length);
        live.history.resize(static_cast<std::size_t>(kept));
        live.cache.end_step(kept);
      } else {
        live.cache.end_step();
      }
      RC_ASSERT(live.cache.length() == static_cast<std::int32_t>(live.history.size()));
      live.reach = std::max(live.reach, live.cache.length());
      RC_ASSERT(live.cache.min_length() <= std::max(0, live.reach - options_.max_draft));
    }
  }

  Live* choose(Dice& dice) { return live_.empty() ? nullptr : &live_[dice.below(live_.size())]; }

  void truncate(Dice& dice) {
    Live* const live = choose(dice);
    if (live == nullptr || live->in_step) return;
    const std::int32_t before = live->cache.length();
    const std::int32_t length = dice.between(live->cache.min_length(), before);
    try {
      live->cache.truncate(length);
      live->history.resize(static_cast<std::size_t>(length));
      ++seen_.cuts;
    } catch (const ResourceExhausted&) {
      RC_ASSERT(live->cache.length() == before);
    }
  }

  void fork(Dice& dice) {
    Live* const live = choose(dice);
    if (live == nullptr || live->in_step || live->history.empty() || live_.size() >= 6) return;
    const std::int32_t limit = std::min(
        live->cache.length() + static_cast<std::int32_t>(dice.below(60)), cache_->max_length());
    auto copy = live->cache.fork(std::max(limit, live->cache.length()));
    if (!copy) return;
    ++seen_.forks;
    Live made{std::move(*copy), live->key, dice.below(9), live->history};
    made.reach = live->reach;
    live_.push_back(std::move(made));
  }

  void drop(Dice& dice) {
    if (live_.empty()) return;
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(dice.below(live_.size())));
  }

  std::vector<CacheLayout> layouts_;
  CacheOptions options_;
  FakeCache cache_;
  std::deque<Live> live_;
  std::uint64_t unique_ = 0;
  std::uint64_t trace_ = 0;
  Seen seen_;
};

CacheOptions chosen_options(Dice& dice) {
  CacheOptions options = options_of(dice.between(30, 30 + 60 * dice.between(1, 4)),
                                    dice.between(dice.one_in(4) ? 1 : 12, 40), dice.between(1, 5));
  options.max_draft = dice.one_in(2) ? 0 : dice.between(1, 20);
  options.hash_bits = dice.one_in(3) ? 0 : 64;
  return options;
}

std::vector<CacheLayout> chosen_layouts(Dice& dice) {
  const CacheNeed narrow = window(dice.between(1, 20));
  const CacheNeed wide = window(dice.between(2, 70));
  switch (dice.below(4)) {
    case 0:
      return {CacheLayout(LayerIndex(0), {full()})};
    case 1:
      return {CacheLayout(LayerIndex(0), {narrow, wide})};
    case 2:
      return {CacheLayout(LayerIndex(0), {narrow, full(), latent(), narrow})};
    default:
      return {CacheLayout(LayerIndex(0), {full(), narrow}), CacheLayout(LayerIndex(2), {wide}),
              CacheLayout(LayerIndex(3), {wide, latent()})};
  }
}

TEST(CacheModel, EverySequenceReadsItsOwnHistory) {
  Seen all;
  EXPECT_TRUE(rc::check([&] {
    Dice dice(*rc::gen::resize(100, rc::gen::arbitrary<std::uint32_t>()));
    const CacheOptions options = chosen_options(dice);
    Model model(chosen_layouts(dice), options);
    const auto actions = *rc::gen::container<std::vector<std::uint32_t>>(
        200, rc::gen::resize(100, rc::gen::arbitrary<std::uint32_t>()));
    for (const std::uint32_t action : actions) model.act(action);
    model.finish();
    const Seen seen = model.seen();
    all.prefix.hits += seen.prefix.hits;
    all.prefix.evictions += seen.prefix.evictions;
    all.forks += seen.forks;
    all.cuts += seen.cuts;
    all.copies += seen.copies;
  }));
  // All of it happened, many times.
  EXPECT_GT(all.prefix.hits, 50U);
  EXPECT_GT(all.prefix.evictions, 50U);
  EXPECT_GT(all.forks, 50U);
  EXPECT_GT(all.cuts, 50U);
  EXPECT_GT(all.copies, 50U);
}

TEST(CacheModel, TheSameCallsGiveTheSameBlocks) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    std::set<std::uint64_t> traces;
    for (int time = 0; time < 2; ++time) {
      Dice dice(seed);
      const CacheOptions options = chosen_options(dice);
      Model model(chosen_layouts(dice), options);
      for (int i = 0; i < 200; ++i) model.act(mixed(seed, static_cast<std::uint64_t>(i)));
      traces.insert(model.trace());
      model.finish();
    }
    EXPECT_EQ(traces.size(), 1U);
  }
}

}  // namespace
}  // namespace sirocco
