#include "sirocco/pipeline/sequence_cache.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

// How many blocks a stretch of positions can touch, wherever it begins.
std::int64_t blocks_touched(std::int64_t positions, std::int64_t block_positions) {
  return positions == 0 ? 0 : ceil_div(positions - 1, block_positions) + 1;
}

// The worst case of one sequence of so many positions. A window keeps what the first row of the
// largest step still sees, and the step itself.
std::int64_t blocks_of(const CacheNeed& need, const CacheOptions& options, std::int64_t positions) {
  const std::int64_t all = ceil_div<std::int64_t>(positions, options.block_positions);
  if (need.kind != CacheKind::kWindow) return all;
  const std::int64_t kept = std::int64_t{need.window} - 1 + options.largest_step;
  return std::min(all, blocks_touched(kept, options.block_positions));
}

void validate(const CacheOptions& o) {
  if (o.block_positions < 16 || o.block_positions > 4096 || o.block_positions % 16 != 0) {
    throw InvalidArgument(
        "block_positions is {}; a block of the cache holds a multiple of 16 positions, at most "
        "4096",
        o.block_positions);
  }
  if (o.positions < 1 || o.positions > INT32_MAX) {
    throw InvalidArgument("the cache is to hold {} positions; it can hold 1 to {}", o.positions,
                          INT32_MAX);
  }
  if (o.max_sequences < 1 || o.max_sequences > 65536) {
    throw InvalidArgument("max_sequences is {}; 1 to 65536 can run at a time", o.max_sequences);
  }
  if (o.largest_step < 1 || o.largest_step > 65536) {
    throw InvalidArgument("largest_step is {}; a step has 1 to 65536 rows", o.largest_step);
  }
}

void require_pageable(CacheKind kind) {
  const CacheTraits& traits = cache_traits(kind);
  if (!traits.can_page || kind == CacheKind::kCross) {
    throw UnsupportedError("a text pipeline can't page a cache of kind \"{}\"", traits.name);
  }
}

}  // namespace

std::uint64_t CachePools::sequence_bytes(std::span<const CacheLayout* const> layouts,
                                         const CacheOptions& options, std::int64_t positions) {
  std::uint64_t bytes = 0;
  for (const CacheLayout* layout : layouts) {
    for (int g = 0; g < static_cast<int>(layout->groups().size()); ++g) {
      const CacheNeed& need = layout->groups()[static_cast<std::size_t>(g)].need;
      const auto blocks = static_cast<std::uint64_t>(blocks_of(need, options, positions));
      const std::uint64_t block = layout->block_bytes(g, options.type, options.block_positions);
      bytes += blocks * block;
    }
  }
  return bytes;
}

CachePools::CachePools(std::vector<const CacheLayout*> layouts, const CacheOptions& options)
    : options_(options), layouts_(std::move(layouts)) {
  validate(options_);
  struct Size {
    std::size_t block_bytes;
    std::int32_t blocks;
  };
  std::vector<Size> sizes;
  for (std::size_t stage = 0; stage < layouts_.size(); ++stage) {
    const CacheLayout& layout = *layouts_[stage];
    for (int g = 0; g < static_cast<int>(layout.groups().size()); ++g) {
      const CacheNeed& need = layout.groups()[static_cast<std::size_t>(g)].need;
      require_pageable(need.kind);
      // Every sequence may leave a part of its last block empty; a window group never needs more
      // than all its sequences at their most.
      const std::int64_t all =
          ceil_div<std::int64_t>(options_.positions, options_.block_positions) +
          options_.max_sequences - 1;
      std::int64_t blocks = all;
      if (need.kind == CacheKind::kWindow) {
        blocks = std::min(all, blocks_of(need, options_, options_.positions) *
                                   std::int64_t{options_.max_sequences});
      }
      const std::size_t block_bytes =
          layout.block_bytes(g, options_.type, options_.block_positions);
      const auto bytes =
          checked_mul<std::uint64_t>(block_bytes, static_cast<std::uint64_t>(blocks));
      const auto sum = bytes ? checked_add(bytes_, *bytes) : std::nullopt;
      if (!sum) {
        throw ResourceExhausted("a cache of {} positions is more than can be addressed",
                                options_.positions);
      }
      bytes_ = *sum;
      sizes.push_back({block_bytes, static_cast<std::int32_t>(blocks)});
      groups_.push_back({&layout, static_cast<int>(stage), g, &need, nullptr});
    }
  }
  if (options_.ledger != nullptr) charged_ = options_.ledger->reserve(bytes_, "KV cache");
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    groups_[i].pool =
        std::make_unique<BlockPool>(sizes[i].block_bytes, sizes[i].blocks, options_.blocks);
  }
}

std::int32_t CachePools::blocks_for(const Group& group, std::int64_t positions) const {
  return static_cast<std::int32_t>(
      std::min<std::int64_t>(blocks_of(*group.need, options_, positions), INT32_MAX));
}

std::int64_t CachePools::longest_sequence() const {
  // Pools hold what one sequence of all positions needs, by their making.
  return ceil_div<std::int64_t>(options_.positions, options_.block_positions) *
         options_.block_positions;
}

std::int64_t CachePools::available_positions() const {
  std::int64_t least = longest_sequence();
  for (const Group& group : groups_) {
    const std::int64_t free = group.pool->available();
    if (blocks_for(group, least) <= free) continue;
    // Fewer blocks than the most that it could need: each holds its positions.
    least = free * options_.block_positions;
  }
  return least;
}

std::optional<SequenceCache> SequenceCache::make(std::shared_ptr<CachePools> pools,
                                                 std::int64_t positions) {
  SIROCCO_CHECK(positions > 0);
  if (positions > pools->longest_sequence()) {
    throw ResourceExhausted("a sequence of {} positions can't fit: the cache holds {}", positions,
                            pools->longest_sequence());
  }
  SequenceCache cache(std::move(pools), static_cast<std::int32_t>(positions));
  cache.groups_.reserve(cache.pools_->groups_.size());
  for (const CachePools::Group& group : cache.pools_->groups_) {
    auto reservation = group.pool->try_reserve(cache.pools_->blocks_for(group, positions));
    if (!reservation) return std::nullopt;
    cache.groups_.push_back({std::move(*reservation), {}, 0});
    cache.groups_.back().blocks.reserve(cache.most_blocks());
  }
  return cache;
}

std::size_t SequenceCache::most_blocks() const {
  return static_cast<std::size_t>(ceil_div<std::int64_t>(limit_, pools_->options_.block_positions));
}

Position SequenceCache::extend(int positions) {
  SIROCCO_CHECK(positions >= 1 && positions <= pools_->options_.largest_step);
  SIROCCO_CHECK(positions <= limit_ - length_);
  const Position first(length_);
  length_ += positions;
  const auto blocks = static_cast<std::size_t>(ceil_div(length_, pools_->options_.block_positions));
  for (GroupLease& group : groups_) {
    while (group.blocks.size() < blocks) group.blocks.push_back(group.reservation.take());
  }
  return first;
}

void SequenceCache::end_step() {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const CacheNeed& need = *pools_->groups_[g].need;
    if (need.kind != CacheKind::kWindow) continue;
    // The next query, at position length_, sees the positions above length_ - window.
    const std::int64_t unseen = std::int64_t{length_} - need.window + 1;
    GroupLease& group = groups_[g];
    while ((group.first_block + std::int64_t{1}) * pools_->options_.block_positions <= unseen) {
      BlockRef& block = group.blocks[static_cast<std::size_t>(group.first_block)];
      SIROCCO_CHECK(group.reservation.put_back(block));  // never shared: windows don't fork
      ++group.first_block;
    }
  }
}

void SequenceCache::truncate(std::int32_t length) {
  SIROCCO_CHECK(length >= 0);
  if (length >= length_) return;
  for (const CachePools::Group& group : pools_->groups_) {
    const CacheTraits& traits = cache_traits(group.need->kind);
    if (!traits.can_truncate) {
      throw UnsupportedError("a cache of kind \"{}\" can't be truncated", traits.name);
    }
  }
  const int size = pools_->options_.block_positions;
  const auto keep = static_cast<std::size_t>(ceil_div(length, size));
  const bool partial = length % size != 0;
  // Shared blocks stay with the others, so every one given up costs a free one.
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::vector<BlockRef>& blocks = groups_[g].blocks;
    auto needed = static_cast<std::int32_t>(
        std::count_if(blocks.begin() + static_cast<std::ptrdiff_t>(keep), blocks.end(),
                      [](const BlockRef& b) { return b.shared(); }));
    if (partial && blocks[keep - 1].shared()) ++needed;
    if (needed > pools_->groups_[g].pool->available()) {
      throw ResourceExhausted(
          "taking back positions of a shared cache needs {} blocks of its own, and {} are free",
          needed, pools_->groups_[g].pool->available());
    }
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    GroupLease& group = groups_[g];
    while (group.blocks.size() > keep) {
      SIROCCO_CHECK(group.reservation.put_back(group.blocks.back()));
      group.blocks.pop_back();
    }
    if (partial && group.blocks.back().shared()) {
      // It will be written to: it must be its own.
      BlockRef before = std::move(group.blocks.back());
      const BlockId from = before.id();
      SIROCCO_CHECK(group.reservation.put_back(before));
      group.blocks.back() = group.reservation.take();
      pools_->groups_[g].pool->copy(from, group.blocks.back().id());
    }
  }
  length_ = length;
}

std::optional<SequenceCache> SequenceCache::fork(std::int64_t positions) const {
  for (const CachePools::Group& group : pools_->groups_) {
    const CacheTraits& traits = cache_traits(group.need->kind);
    if (!traits.can_snapshot) {
      throw UnsupportedError("a cache of kind \"{}\" can't be shared by two sequences",
                             traits.name);
    }
  }
  SIROCCO_CHECK(positions >= length_ && positions > 0);
  if (positions > pools_->longest_sequence()) {
    throw ResourceExhausted("a sequence of {} positions can't fit: the cache holds {}", positions,
                            pools_->longest_sequence());
  }
  const int size = pools_->options_.block_positions;
  const auto full = static_cast<std::size_t>(length_ / size);
  SequenceCache copy(pools_, static_cast<std::int32_t>(positions));
  copy.groups_.reserve(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const CachePools::Group& group = pools_->groups_[g];
    auto reservation = group.pool->try_reserve(pools_->blocks_for(group, positions) -
                                               static_cast<std::int32_t>(full));
    if (!reservation) return std::nullopt;
    copy.groups_.push_back({std::move(*reservation), {}, 0});
    copy.groups_.back().blocks.reserve(copy.most_blocks());
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    GroupLease& to = copy.groups_[g];
    for (std::size_t b = 0; b < full; ++b) to.blocks.push_back(groups_[g].blocks[b].share());
    if (groups_[g].blocks.size() > full) {
      to.blocks.push_back(to.reservation.take());
      pools_->groups_[g].pool->copy(groups_[g].blocks[full].id(), to.blocks.back().id());
    }
  }
  copy.length_ = length_;
  return copy;
}

const CacheViews& StepCaches::views(CachePools& pools, int stage,
                                    std::span<const SequenceCache* const> sequences) {
  const auto at = static_cast<std::size_t>(stage);
  views_.layout = pools.layouts_[at];
  views_.type = pools.options_.type;
  views_.block_positions = pools.options_.block_positions;
  views_.groups.resize(views_.layout->groups().size());
  for (std::size_t g = 0; g < pools.groups_.size(); ++g) {
    const CachePools::Group& group = pools.groups_[g];
    if (group.stage != stage) continue;
    CacheGroupView& view = views_.groups[static_cast<std::size_t>(group.group)];
    view.pool = group.pool->data();
    std::size_t width = 1;
    std::size_t most = 1;
    for (const SequenceCache* s : sequences) {
      width = std::max(width, s->groups_[g].blocks.size());
      most = std::max(most, s->most_blocks());
    }
    view.blocks_a_sequence = static_cast<int>(width);
    // All that these sequences will ever need, so that no later step allocates.
    view.block_table.reserve(most * sequences.size());
    view.block_table.assign(width * sequences.size(), -1);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const SequenceCache::GroupLease& lease = sequences[s]->groups_[g];
      for (auto b = static_cast<std::size_t>(lease.first_block); b < lease.blocks.size(); ++b) {
        view.block_table[s * width + b] = lease.blocks[b].id().value();
      }
    }
  }
  return views_;
}

}  // namespace sirocco
