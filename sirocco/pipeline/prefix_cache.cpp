#include "sirocco/pipeline/prefix_cache.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0xFF51AFD7ED558CCD;  // a factor of MurmurHash3
  return hash ^ (hash >> 32);
}

std::int32_t number_of(std::optional<PrefixNode> node) { return node ? node->value() : -1; }

}  // namespace

PrefixCache::PrefixCache(std::vector<Group> groups, int block_positions, int hash_bits)
    : groups_(std::move(groups)),
      block_positions_(static_cast<std::size_t>(block_positions)),
      hash_mask_(hash_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << hash_bits) - 1) {
  const auto keeps =
      std::find_if(groups_.begin(), groups_.end(), [](const Group& g) { return !g.slides; });
  SIROCCO_CHECK(keeps != groups_.end());
  anchor_ = static_cast<std::size_t>(keeps - groups_.begin());
  const auto nodes = static_cast<std::size_t>(keeps->pool->capacity());
  nodes_.resize(nodes);
  blocks_.assign(nodes * groups_.size(), -1);
  buckets_.assign(std::bit_ceil(std::max<std::size_t>(nodes, 1)), -1);
  contents_ = std::make_unique_for_overwrite<std::uint64_t[]>(nodes * block_positions_);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    node_of_.emplace_back(groups_[g].pool->capacity(), -1);
    groups_[g].pool->on_eviction([this, g](BlockId block) { evict(g, block); });
  }
}

std::vector<PrefixNode> PrefixCache::longest(PrefixKey key, std::span<const ContentId> rows) const {
  std::vector<PrefixNode> path;
  std::vector<std::int32_t> present(groups_.size(), 0);  // blocks in a row, up to the last
  std::size_t usable = 0;
  while (rows.size() > (path.size() + 1) * block_positions_) {
    const auto parent = path.empty() ? std::nullopt : std::optional(path.back());
    const auto node =
        find(key, parent, rows.subspan(path.size() * block_positions_, block_positions_));
    if (!node) break;
    path.push_back(*node);
    bool all = true;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (!groups_[g].slides) continue;
      present[g] = block(*node, g) ? present[g] + 1 : 0;
      const auto needed =
          std::min(static_cast<std::int32_t>(path.size()), groups_[g].window_blocks);
      all = all && present[g] >= needed;
    }
    if (all) usable = path.size();
  }
  path.resize(usable);
  return path;
}

std::optional<PrefixNode> PrefixCache::find(PrefixKey key, std::optional<PrefixNode> parent,
                                            std::span<const ContentId> contents) const {
  SIROCCO_CHECK(contents.size() == block_positions_);
  const std::int32_t above = number_of(parent);
  const std::uint64_t hash = hash_of(key, above, contents);
  for (std::int32_t n = buckets_[bucket_of(hash)]; n >= 0; n = at(n).next) {
    const Node& node = at(n);
    if (node.hash != hash || node.parent != above || node.key != key) continue;
    const bool same = std::equal(contents.begin(), contents.end(), contents_of(n),
                                 [](ContentId a, std::uint64_t b) { return a.value() == b; });
    if (same) return PrefixNode(n);
  }
  return std::nullopt;
}

PrefixNode PrefixCache::add(PrefixKey key, std::optional<PrefixNode> parent,
                            std::span<const ContentId> contents, std::span<const BlockId> blocks) {
  SIROCCO_CHECK(contents.size() == block_positions_ && blocks.size() == groups_.size());
  const std::int32_t n = blocks[anchor_].value();
  Node& node = at(n);
  SIROCCO_CHECK(!node.known);
  const std::int32_t above = number_of(parent);
  const std::uint64_t hash = hash_of(key, above, contents);
  std::int32_t& bucket = buckets_[bucket_of(hash)];
  node = {.known = true, .key = key, .parent = above, .children = 0, .hash = hash, .next = bucket};
  bucket = n;
  if (above >= 0) ++at(above).children;
  std::transform(contents.begin(), contents.end(), contents_of(n),
                 [](ContentId id) { return id.value(); });
  for (std::size_t g = 0; g < groups_.size(); ++g) set_block(n, g, blocks[g]);
  ++stats_.nodes;
  return PrefixNode(n);
}

std::optional<BlockId> PrefixCache::block(PrefixNode node, std::size_t group) const {
  const std::int32_t id = blocks_[slot(node.value(), group)];
  return id < 0 ? std::nullopt : std::optional(BlockId(id));
}

void PrefixCache::restore(PrefixNode node, std::size_t group, BlockId block) {
  SIROCCO_CHECK(at(node.value()).known && groups_[group].slides &&
                blocks_[slot(node.value(), group)] < 0);
  set_block(node.value(), group, block);
}

template <class Matches>
void PrefixCache::clear_if(Matches matches) {
  const auto droppable = [&](std::int32_t n) {
    return at(n).known && at(n).children == 0 && matches(at(n).key) &&
           groups_[anchor_].pool->is_idle(BlockId(n));
  };
  for (std::int32_t n = 0; n < static_cast<std::int32_t>(nodes_.size()); ++n) {
    for (std::int32_t leaf = n; leaf >= 0 && droppable(leaf);) {
      const std::int32_t parent = at(leaf).parent;
      forget_node(leaf);
      leaf = parent;
    }
  }
  for (std::int32_t n = 0; n < static_cast<std::int32_t>(nodes_.size()); ++n) {
    if (!at(n).known || !matches(at(n).key)) continue;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::int32_t id = blocks_[slot(n, g)];
      if (id >= 0 && groups_[g].pool->is_idle(BlockId(id))) forget_block(n, g);
    }
  }
}

void PrefixCache::clear() {
  clear_if([](const PrefixKey&) { return true; });
}

void PrefixCache::clear(PrefixKey key) {
  clear_if([&](const PrefixKey& k) { return k == key; });
}

void PrefixCache::count(std::int64_t rows, std::int64_t found) {
  ++stats_.lookups;
  stats_.hits += found > 0 ? 1 : 0;
  stats_.rows += rows;
  stats_.found += found;
}

std::uint64_t PrefixCache::hash_of(PrefixKey key, std::int32_t parent,
                                   std::span<const ContentId> contents) const {
  std::uint64_t hash = mixed(mixed(0, key.owner), key.adapter);
  hash = mixed(hash, static_cast<std::uint64_t>(parent) + 1);
  for (const ContentId id : contents) hash = mixed(hash, id.value());
  return hash & hash_mask_;
}

void PrefixCache::evict(std::size_t group, BlockId block) {
  const std::int32_t node = node_of_[group][static_cast<std::size_t>(block.value())];
  SIROCCO_CHECK(node >= 0);
  ++stats_.evictions;
  if (groups_[group].slides) {
    forget_block(node, group);
  } else {
    forget_node(node);
  }
}

void PrefixCache::set_block(std::int32_t node, std::size_t group, BlockId block) {
  groups_[group].pool->keep(block);
  blocks_[slot(node, group)] = block.value();
  node_of_[group][static_cast<std::size_t>(block.value())] = node;
}

void PrefixCache::forget_block(std::int32_t node, std::size_t group) {
  const BlockId block(std::exchange(blocks_[slot(node, group)], -1));
  node_of_[group][static_cast<std::size_t>(block.value())] = -1;
  groups_[group].pool->forget(block);
}

void PrefixCache::forget_node(std::int32_t n) {
  Node& node = at(n);
  SIROCCO_CHECK(node.known && node.children == 0);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (blocks_[slot(n, g)] >= 0) forget_block(n, g);
  }
  std::int32_t* link = &buckets_[bucket_of(node.hash)];
  while (*link != n) link = &at(*link).next;
  *link = node.next;
  if (node.parent >= 0) --at(node.parent).children;
  node = {};
  --stats_.nodes;
}

}  // namespace sirocco
