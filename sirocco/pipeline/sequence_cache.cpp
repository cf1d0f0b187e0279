#include "sirocco/pipeline/sequence_cache.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {

SequenceCache::~SequenceCache() {
  // Where blocks are kept, the order of going is the order of being given up: the deepest first
  // where a node needs its ancestors; the shallowest where only the end of a window is worth much.
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    std::vector<BlockRef>& blocks = groups_[g].blocks;
    if (pools_->groups_[g].slides()) {
      for (BlockRef& block : blocks) block = BlockRef();
    } else {
      while (!blocks.empty()) blocks.pop_back();
    }
  }
}

void SequenceCache::share_as(PrefixKey key, std::vector<PrefixNode> path) {
  content_ = {true, key, std::move(path), {}};
  content_.path.reserve(max_blocks());
  const int unknown_rows = pools_->options_.max_step + pools_->options_.block_positions;
  content_.rows.reserve(static_cast<std::size_t>(unknown_rows));
}

std::size_t SequenceCache::max_blocks() const {
  return static_cast<std::size_t>(
      ceil_div<std::int64_t>(max_length_, pools_->options_.block_positions));
}

std::int32_t SequenceCache::min_length() const {
  std::int32_t least = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::int32_t first = groups_[g].first_block;
    if (first == 0) continue;
    // The row at the new end sees window - 1 positions before it.
    least = std::max(least,
                     first * pools_->options_.block_positions + pools_->groups_[g].need.window - 1);
  }
  return least;
}

Position SequenceCache::extend(std::span<const ContentId> rows) {
  return extend(std::ssize(rows), rows);
}

Position SequenceCache::extend(std::int64_t rows, std::span<const ContentId> known) {
  SIROCCO_CHECK(rows >= 1 && rows <= pools_->options_.max_step - under_way() &&
                std::ssize(known) <= rows);
  SIROCCO_CHECK(rows <= max_length_ - length_);
  const auto known_before =
      content_.path.size() * static_cast<std::size_t>(pools_->options_.block_positions) +
      content_.rows.size();
  if (content_.shares && known_before == static_cast<std::size_t>(length_))
    content_.rows.insert(content_.rows.end(), known.begin(), known.end());
  const Position first(length_);
  length_ += static_cast<std::int32_t>(rows);
  step_ends_.push_back(length_);
  const auto blocks = static_cast<std::size_t>(ceil_div(length_, pools_->options_.block_positions));
  for (GroupLease& group : groups_) {
    while (group.blocks.size() < blocks) group.blocks.push_back(group.reservation.take());
  }
  return first;
}

void SequenceCache::end_step() {
  SIROCCO_CHECK(in_step());
  ended_ = step_ends_.front();
  step_ends_.erase(step_ends_.begin());
  register_blocks();
  slide();
}

void SequenceCache::end_step(std::int32_t length) {
  SIROCCO_CHECK(step_ends_.size() == 1 && length >= ended_ && length <= length_);
  if (length < length_) shorten(length);
  step_ends_.front() = length;
  end_step();
}

void SequenceCache::register_blocks() {
  PrefixCache* const prefixes = pools_->prefixes_.get();
  const auto size = static_cast<std::size_t>(pools_->options_.block_positions);
  std::size_t done = 0;
  const std::size_t full = static_cast<std::size_t>(ended_) / size;
  for (; content_.path.size() < full && content_.rows.size() - done >= size; done += size) {
    const std::size_t index = content_.path.size();
    const auto parent = index == 0 ? std::nullopt : std::optional(content_.path.back());
    const std::span<const ContentId> rows = std::span(content_.rows).subspan(done, size);
    std::optional<PrefixNode> node = prefixes->find(content_.key, parent, rows);
    if (!node) {
      std::vector<BlockId>& blocks = pools_->registered_;
      blocks.clear();
      for (const GroupLease& group : groups_) blocks.push_back(group.blocks[index].id());
      node = prefixes->add(content_.key, parent, rows, blocks);
    } else {
      for (std::size_t g = 0; g < groups_.size(); ++g) exchange_block(g, index, *node);
    }
    content_.path.push_back(*node);
  }
  content_.rows.erase(content_.rows.begin(),
                      content_.rows.begin() + static_cast<std::ptrdiff_t>(done));
}

// The bits in both blocks are the same, so one of them will do.
void SequenceCache::exchange_block(std::size_t g, std::size_t index, PrefixNode node) {
  GroupLease& group = groups_[g];
  BlockRef& own = group.blocks[index];
  const BlockPool& pool = *pools_->groups_[g].pool;
  const std::optional<BlockId> known = pools_->prefixes_->block(node, g);
  if (!known) {
    pools_->prefixes_->restore(node, g, own.id());
  } else if (*known == own.id()) {
    return;
  } else if (pool.is_idle(*known) || pool.sharing() == BlockPool::Sharing::kPledges) {
    SIROCCO_CHECK(group.reservation.put_back(own));  // what isn't known yet isn't shared
    own = group.reservation.hold(*known);
  } else {
    own = group.reservation.hold(*known);
  }
}

void SequenceCache::slide() {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const CachePools::Group& pool = pools_->groups_[g];
    if (!pool.slides()) continue;
    // The next row, were the largest draft taken back, sees the positions from here on.
    const std::int64_t seen =
        std::int64_t{ended_} - pools_->options_.max_draft - pool.need.window + 1;
    GroupLease& group = groups_[g];
    while ((group.first_block + std::int64_t{1}) * pools_->options_.block_positions <= seen) {
      BlockRef& block = group.blocks[static_cast<std::size_t>(group.first_block)];
      SIROCCO_CHECK(group.reservation.put_back(block));  // every hold is worth a right there
      ++group.first_block;
    }
  }
}

void SequenceCache::truncate(std::int32_t length) {
  SIROCCO_CHECK(!in_step());
  if (length >= length_) return;
  if (length < min_length()) {
    throw InvalidArgument("a sequence of {} positions can't be cut to {}: {} is the least now",
                          length_, length, min_length());
  }
  const int size = pools_->options_.block_positions;
  const auto kept = static_cast<std::ptrdiff_t>(length / size);
  // Blocks that others hold stay with them, so every one given up costs one that is available.
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (pools_->groups_[g].slides()) continue;
    const std::vector<BlockRef>& blocks = groups_[g].blocks;
    const auto needed = static_cast<std::int32_t>(std::count_if(
        blocks.begin() + kept, blocks.end(), [](const BlockRef& b) { return b.shared(); }));
    if (needed > pools_->groups_[g].pool->available()) {
      throw ResourceExhausted(
          "taking back positions of a shared cache needs {} blocks of its own, and {} are free",
          needed, pools_->groups_[g].pool->available());
    }
  }
  shorten(length);
}

void SequenceCache::shorten(std::int32_t length) {
  const auto size = static_cast<std::size_t>(pools_->options_.block_positions);
  const auto positions = static_cast<std::size_t>(length);
  const std::size_t full = positions / size;
  std::vector<PrefixNode>& path = content_.path;
  std::vector<ContentId>& rows = content_.rows;
  if (path.size() > full) {
    rows.clear();
    for (std::size_t row = 0; row < positions % size; ++row)
      rows.push_back(pools_->prefixes_->content(path[full], row));
    path.resize(full);
  } else {
    rows.resize(std::min(rows.size(), positions - path.size() * size));
  }
  const std::size_t keep = ceil_div(positions, size);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    GroupLease& group = groups_[g];
    if (pools_->groups_[g].slides()) {
      for (std::size_t b = keep; b < group.blocks.size(); ++b)
        SIROCCO_CHECK(group.reservation.put_back(group.blocks[b]));
      group.blocks.resize(std::min(keep, group.blocks.size()));
    } else {
      for (; group.blocks.size() > keep; group.blocks.pop_back())
        SIROCCO_CHECK(group.reservation.put_back(group.blocks.back()));
    }
  }
  // What is left of the last block will be written behind.
  if (keep > full) {
    for (GroupLease& group : groups_) SIROCCO_CHECK(group.reservation.own(group.blocks.back()));
  }
  length_ = length;
  if (!in_step()) ended_ = length;
}

std::optional<SequenceCache> SequenceCache::fork(std::int32_t max_length) const {
  SIROCCO_CHECK(max_length >= length_);
  std::optional<ForkReservation> room = pools_->reserve_fork(max_length, length_);
  if (!room) return std::nullopt;
  return fork(std::move(*room));
}

SequenceCache SequenceCache::fork(ForkReservation room) const {
  const auto full = static_cast<std::size_t>(length_ / pools_->options_.block_positions);
  SIROCCO_CHECK(!in_step() && room.pools_ == pools_ && room.max_length_ >= length_);
  SIROCCO_CHECK(static_cast<std::size_t>(room.shared_blocks_) <= full);
  SequenceCache copy(pools_, room.max_length_);
  copy.groups_.reserve(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g)
    copy.groups_.push_back({std::move(room.groups_[g]), {}, groups_[g].first_block});
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::vector<BlockRef>& from = groups_[g].blocks;
    GroupLease& to = copy.groups_[g];
    to.blocks.reserve(copy.max_blocks());
    to.blocks.resize(static_cast<std::size_t>(to.first_block));
    while (to.blocks.size() < full)
      to.blocks.push_back(to.reservation.hold(from[to.blocks.size()].id()));
    if (from.size() > full) to.blocks.push_back(to.reservation.take_copy(from[full].id()));
  }
  if (content_.shares) {
    copy.share_as(content_.key, content_.path);
    copy.content_.rows.assign(content_.rows.begin(), content_.rows.end());
  }
  copy.length_ = copy.ended_ = length_;
  return copy;
}

}  // namespace sirocco
