#include "sirocco/pipeline/cache_pools.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"

namespace sirocco {
namespace {

// How many blocks a stretch of positions can touch, wherever it begins.
std::int64_t blocks_touched(std::int64_t positions, std::int64_t block_positions) {
  return positions == 0 ? 0 : ceil_div(positions - 1, block_positions) + 1;
}

// The worst case of one sequence of that length. A window keeps what the first row of the
// largest step still sees, were the largest draft taken back, and the step itself.
std::int64_t blocks_of(const CacheNeed& need, const CacheOptions& options, std::int32_t length) {
  const std::int64_t all = ceil_div<std::int64_t>(length, options.block_positions);
  if (need.kind != CacheKind::kWindow) return all;
  const std::int64_t kept = std::int64_t{need.window} - 1 + options.max_draft + options.max_step;
  return std::min(all, blocks_touched(kept, options.block_positions));
}

void require_between(const char* what, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return;
  throw InvalidArgument("{} of the cache is {}; it must be {} to {}", what, value, min, max);
}

void validate(const CacheOptions& o) {
  if (o.block_positions < 16 || o.block_positions > 4096 || o.block_positions % 16 != 0) {
    throw InvalidArgument(
        "block_positions is {}; a block of the cache holds a multiple of 16 positions, at most "
        "4096",
        o.block_positions);
  }
  require_between("positions", o.positions, 1, INT32_MAX);
  require_between("max_sequences", o.max_sequences, 1, 65536);
  require_between("max_step", o.max_step, 1, 65536);
  require_between("max_draft", o.max_draft, 0, 65536);
  require_between("hash_bits", o.hash_bits, 0, 64);
}

void require_pageable(CacheKind kind) {
  const CacheTraits& traits = cache_traits(kind);
  if (!traits.can_page || !traits.can_truncate || !traits.can_share) {
    throw UnsupportedError("a text pipeline can't page a cache of kind \"{}\"", traits.name);
  }
}

}  // namespace

std::uint64_t CachePools::sequence_bytes(std::span<const CacheLayout* const> layouts,
                                         const CacheOptions& options, std::int32_t length) {
  std::uint64_t bytes = 0;
  for (const CacheLayout* layout : layouts) {
    for (int g = 0; g < static_cast<int>(layout->groups().size()); ++g) {
      const CacheNeed& need = layout->groups()[static_cast<std::size_t>(g)].need;
      const auto blocks = static_cast<std::uint64_t>(blocks_of(need, options, length));
      const std::uint64_t block = layout->block_bytes(g, options.type, options.block_positions);
      bytes += blocks * block;
    }
  }
  return bytes;
}

std::shared_ptr<CachePools> CachePools::make(std::vector<const CacheLayout*> layouts,
                                             const CacheOptions& options) {
  return std::make_shared<CachePools>(Private(), std::move(layouts), options);
}

CachePools::CachePools(Private, std::vector<const CacheLayout*> layouts,
                       const CacheOptions& options)
    : options_(options), layouts_(std::move(layouts)) {
  validate(options_);
  // Every sequence may leave a part of its last block empty; a window group never needs more than
  // all its sequences at their most.
  const std::int64_t all = ceil_div<std::int64_t>(options_.positions, options_.block_positions) +
                           options_.max_sequences - 1;
  for (std::size_t stage = 0; stage < layouts_.size(); ++stage) {
    const CacheLayout& layout = *layouts_[stage];
    for (int g = 0; g < static_cast<int>(layout.groups().size()); ++g) {
      const CacheNeed& need = layout.groups()[static_cast<std::size_t>(g)].need;
      require_pageable(need.kind);
      const std::int64_t blocks = need.kind == CacheKind::kWindow
                                      ? std::min(all, blocks_of(need, options_, max_length()) *
                                                          std::int64_t{options_.max_sequences})
                                      : all;
      const auto bytes =
          checked_mul<std::uint64_t>(layout.block_bytes(g, options_.type, options_.block_positions),
                                     static_cast<std::uint64_t>(blocks));
      const auto sum = bytes ? checked_add(bytes_, *bytes) : std::nullopt;
      if (!sum) {
        throw ResourceExhausted("a cache of {} positions is more than can be addressed",
                                options_.positions);
      }
      bytes_ = *sum;
      add_group(static_cast<int>(stage), g, need, blocks);
    }
  }
  if (groups_.empty()) return;
  if (std::all_of(groups_.begin(), groups_.end(), [](const Group& g) { return g.slides(); }))
    add_anchor(all);
  std::vector<PrefixCache::Group> known;
  for (const Group& group : groups_) {
    known.push_back({group.pool.get(), group.slides(), window_blocks(group)});
  }
  registered_.reserve(groups_.size());
  prefixes_ =
      std::make_unique<PrefixCache>(std::move(known), options_.block_positions, options_.hash_bits);
}

void CachePools::add_group(int stage, int group, const CacheNeed& need, std::int64_t blocks) {
  const auto sharing =
      need.kind == CacheKind::kWindow ? BlockPool::Sharing::kPledges : BlockPool::Sharing::kSaves;
  groups_.push_back(
      {stage, group, need,
       std::make_unique<BlockPool>(static_cast<std::int32_t>(blocks), sharing, options_.blocks)});
}

// Where every layer has a window, nothing else would say how many nodes the prefix cache may have,
// and which of them are in use. As many blocks, of no bytes, as the sequences can have positions
// that fit into the windows' pools, so that it is never this that refuses one; within reason.
void CachePools::add_anchor(std::int64_t all) {
  constexpr std::int64_t kReasonable = 1 << 20;
  const std::int64_t longest = ceil_div<std::int64_t>(options_.positions, options_.block_positions);
  std::int64_t blocks = longest * options_.max_sequences;
  for (const Group& group : groups_) {
    const std::int64_t most = blocks_of(group.need, options_, max_length());
    blocks = std::min(blocks, group.pool->capacity() / most * longest + most);
  }
  blocks = std::max(all, std::min(blocks, kReasonable));
  add_group(-1, 0, {CacheKind::kFull, {}, MaskSpec::kNoWindow}, blocks);
}

std::int32_t CachePools::window_blocks(const Group& group) const {
  if (!group.slides()) return 0;
  return static_cast<std::int32_t>(
      ceil_div<std::int64_t>(std::int64_t{group.need.window} - 1, options_.block_positions));
}

CacheShape CachePools::shape(int stage) const {
  CacheShape shape{options_.type, options_.block_positions, {}, options_.blocks.poison};
  for (const Group& group : groups_) {
    if (group.stage == stage) shape.blocks.push_back(group.pool->capacity());
  }
  return shape;
}

std::int32_t CachePools::blocks_for(const Group& group, std::int32_t length) const {
  return static_cast<std::int32_t>(blocks_of(group.need, options_, length));
}

std::int32_t CachePools::max_length() const {
  // Pools hold what one sequence of all positions needs, by their making.
  const std::int64_t blocks = ceil_div<std::int64_t>(options_.positions, options_.block_positions);
  return static_cast<std::int32_t>(
      std::min<std::int64_t>(blocks * options_.block_positions, INT32_MAX));
}

std::int32_t CachePools::available_length() const {
  std::int32_t least = max_length();
  for (const Group& group : groups_) {
    const std::int32_t available = group.pool->available();
    if (blocks_for(group, least) <= available) continue;
    // Fewer blocks than the most that it could need: each holds its positions.
    least = available * options_.block_positions;
  }
  return least;
}

void CachePools::require_possible(std::int32_t length) const {
  SIROCCO_CHECK(length > 0);
  if (length <= max_length()) return;
  throw ResourceExhausted("a sequence of {} positions can't fit: the cache holds {}", length,
                          max_length());
}

std::optional<SequenceCache> CachePools::lease(PrefixKey key, std::span<const ContentId> prompt,
                                               std::int32_t max_length) {
  require_possible(max_length);
  if (prefixes_ == nullptr) return lease(max_length);
  prompt = prompt.first(std::min(prompt.size(), static_cast<std::size_t>(max_length)));
  std::vector<PrefixNode> path = prefixes_->longest(key, prompt);
  std::optional<SequenceCache> cache = lease(path, max_length);
  if (!cache) return cache;
  prefixes_->count(std::ssize(prompt), cache->length());
  cache->share_as(key, std::move(path));
  return cache;
}

std::optional<SequenceCache> CachePools::lease(std::int32_t max_length) {
  require_possible(max_length);
  return lease(std::span<const PrefixNode>(), max_length);
}

std::optional<SequenceCache> CachePools::lease(std::span<const PrefixNode> path,
                                               std::int32_t max_length) {
  SequenceCache cache(shared_from_this(), max_length);
  cache.groups_.reserve(groups_.size());
  const auto found = static_cast<std::int32_t>(path.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    std::int32_t needed = blocks_for(group, max_length);
    std::int32_t first = 0;
    if (group.slides()) {
      first = std::max(0, found - window_blocks(group));
    } else {
      needed -= found;
      for (const PrefixNode node : path)
        needed += group.pool->is_idle(*prefixes_->block(node, g)) ? 1 : 0;
    }
    auto reservation = group.pool->try_reserve(needed);
    if (!reservation) return std::nullopt;
    cache.groups_.push_back({std::move(*reservation), {}, first});
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    SequenceCache::GroupLease& lease = cache.groups_[g];
    lease.blocks.reserve(cache.max_blocks());
    lease.blocks.resize(static_cast<std::size_t>(lease.first_block));
    for (const PrefixNode node : path.subspan(lease.blocks.size()))
      lease.blocks.push_back(lease.reservation.hold(*prefixes_->block(node, g)));
  }
  cache.length_ = cache.ended_ = found * options_.block_positions;
  return cache;
}

std::optional<ForkReservation> CachePools::reserve_fork(std::int32_t max_length,
                                                        std::int32_t shared) {
  SIROCCO_CHECK(max_length >= shared);
  require_possible(max_length);
  ForkReservation room(shared_from_this(), max_length, shared / options_.block_positions);
  room.groups_.reserve(groups_.size());
  for (const Group& group : groups_) {
    const std::int32_t saved = group.slides() ? 0 : room.shared_blocks_;
    auto reservation = group.pool->try_reserve(blocks_for(group, max_length) - saved);
    if (!reservation) return std::nullopt;
    room.groups_.push_back(std::move(*reservation));
  }
  return room;
}

bool CacheCapacity::holds(std::int32_t length, std::int64_t sequences, std::int32_t shared) const {
  return std::ranges::all_of(groups_, [&](const Group& group) {
    const bool slides = group.need.kind == CacheKind::kWindow;
    const std::int64_t saved = slides ? 0 : shared / options_.block_positions;
    const std::int64_t each = blocks_of(group.need, options_, length);
    return each + (sequences - 1) * (each - saved) <= group.blocks;
  });
}

std::shared_ptr<const CacheCapacity> CachePools::capacity() const {
  std::vector<CacheCapacity::Group> groups;
  for (const Group& group : groups_) groups.push_back({group.need, group.pool->capacity()});
  return std::make_shared<const CacheCapacity>(options_, std::move(groups));
}

void CachePools::begin_step(std::span<const SequenceCache* const> sequences, StepCaches& out) {
  out.stages.resize(layouts_.size());
  for (std::size_t stage = 0; stage < layouts_.size(); ++stage) {
    out.stages[stage].step = next_step_;
    out.stages[stage].groups.resize(layouts_[stage]->groups().size());
  }
  ++next_step_;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    if (group.stage < 0) {
      group.pool->take_commands(unheard_);
      continue;
    }
    GroupCaches& caches = out.stages[static_cast<std::size_t>(group.stage)]
                              .groups[static_cast<std::size_t>(group.group)];
    group.pool->take_commands(caches.commands);
    std::size_t width = 1;
    std::size_t most = 1;
    for (const SequenceCache* s : sequences) {
      width = std::max(width, s->groups_[g].blocks.size());
      most = std::max(most, s->max_blocks());
    }
    caches.blocks_a_sequence = static_cast<int>(width);
    // All that these sequences will ever need, so that no later step allocates.
    caches.table.reserve(most * sequences.size());
    caches.table.assign(width * sequences.size(), -1);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const SequenceCache::GroupLease& lease = sequences[s]->groups_[g];
      for (auto b = static_cast<std::size_t>(lease.first_block); b < lease.blocks.size(); ++b)
        caches.table[s * width + b] = lease.blocks[b].id().value();
    }
  }
}

void CachePools::clear() {
  if (prefixes_ != nullptr) prefixes_->clear();
}

void CachePools::clear(PrefixKey key) {
  if (prefixes_ != nullptr) prefixes_->clear(key);
}

PrefixStats CachePools::prefix_stats() const {
  return prefixes_ != nullptr ? prefixes_->stats() : PrefixStats{};
}

CacheStatus CachePools::status() const {
  CacheStatus sums{.prefixes = prefix_stats()};
  for (const Group& group : groups_) {
    if (group.stage < 0) continue;
    const BlockPool& pool = *group.pool;
    sums.blocks += pool.capacity();
    sums.held += pool.held();
    sums.idle += pool.idle();
    sums.available += pool.available();
  }
  return sums;
}

std::vector<CacheUsage> CachePools::usage() const {
  std::vector<CacheUsage> all;
  for (const Group& group : groups_) {
    if (group.stage < 0) continue;
    const BlockPool& pool = *group.pool;
    all.push_back(
        {group.stage, group.group, pool.capacity(), pool.held(), pool.idle(), pool.available()});
  }
  return all;
}

}  // namespace sirocco
