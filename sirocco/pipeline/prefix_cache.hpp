#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/block_pool.hpp"

namespace sirocco {

/// What a row of a sequence is, as far as its cache is concerned: the id of its token, or a hash of
/// what else it is (given instead, put elsewhere by its rotary encoding). Rows of equal ids, behind
/// rows of equal ids, leave the same bits in a cache. Of rows that see each other, each id must
/// therefore depend on all of them.
using ContentId = StrongId<struct ContentIdTag, std::uint64_t>;

constexpr ContentId content_of(TokenId token) {
  return ContentId(static_cast<std::uint64_t>(token.value()));
}

/// Who may share: nothing is found under another key, whatever the contents.
struct PrefixKey {
  std::uint64_t owner = 0;
  std::uint64_t adapter = 0;
  friend auto operator<=>(const PrefixKey&, const PrefixKey&) = default;
};

/// What sharing has brought since the pools were made.
struct PrefixStats {
  std::int64_t lookups = 0;    ///< leases that looked for a prefix
  std::int64_t hits = 0;       ///< that found one
  std::int64_t rows = 0;       ///< of the prompts that were looked up
  std::int64_t found = 0;      ///< rows among them that needn't be computed
  std::int64_t evictions = 0;  ///< blocks given up because someone needed the room
  std::int64_t nodes = 0;      ///< blocks of content that are known now
};

/// A full block of content, behind all the blocks before it.
using PrefixNode = StrongId<struct PrefixNodeTag, std::int32_t>;

/// The blocks whose contents are known, as a tree: a node is a full block of contents behind its
/// parent's, and has a kept block in each group. In groups that keep every position it always has;
/// in those that slide, for as long as nobody needs the room. Found by hash, believed by content.
///
/// Who holds the block of a node in a group that keeps everything holds those of all its ancestors,
/// and lets go of the deepest first. So the block that is idle longest there is a leaf's, and whole
/// nodes go, one after another; in groups that slide blocks go alone.
class PrefixCache {
 public:
  struct Group {
    BlockPool* pool;
    bool slides;
    std::int32_t window_blocks;  ///< full blocks that a query behind them sees into; sliding groups
  };
  /// The first group that doesn't slide has a block for each node; there must be one. The pools
  /// outlive it and call back into it. `hash_bits` of each hash are used: fewer make collisions for
  /// tests.
  PrefixCache(std::vector<Group> groups, int block_positions, int hash_bits = 64);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  /// The nodes of the longest prefix of `rows`, in full blocks, from which a sequence can go on:
  /// sliding groups still have what the row behind it sees.
  std::vector<PrefixNode> longest(PrefixKey key, std::span<const ContentId> rows) const;

  /// The node behind `parent` (or at the root of `key`) with these contents, one block of rows.
  std::optional<PrefixNode> find(PrefixKey key, std::optional<PrefixNode> parent,
                                 std::span<const ContentId> contents) const;
  /// Makes that node, which isn't there yet, of one held block a group.
  PrefixNode add(PrefixKey key, std::optional<PrefixNode> parent,
                 std::span<const ContentId> contents, std::span<const BlockId> blocks);

  /// The content of one of a node's rows, from 0.
  ContentId content(PrefixNode node, std::size_t row) const {
    return ContentId(contents_of(node.value())[row]);
  }
  /// The block of a node in a group; nothing where a sliding group has given it up.
  std::optional<BlockId> block(PrefixNode node, std::size_t group) const;
  /// Gives a node a held block again in a sliding group that had given it up.
  void restore(PrefixNode node, std::size_t group, BlockId block);

  /// Forgets what nobody holds: all, or that of one key.
  void clear();
  void clear(PrefixKey key);

  /// Counts a lookup of `rows` rows that found `found`.
  void count(std::int64_t rows, std::int64_t found);
  const PrefixStats& stats() const { return stats_; }

 private:
  struct Node {
    bool known = false;
    PrefixKey key;
    std::int32_t parent = -1;  // -1: the root of `key`
    std::int32_t children = 0;
    std::uint64_t hash = 0;
    std::int32_t next = -1;  // in its bucket
  };
  Node& at(std::int32_t node) { return nodes_[static_cast<std::size_t>(node)]; }
  const Node& at(std::int32_t node) const { return nodes_[static_cast<std::size_t>(node)]; }
  std::uint64_t* contents_of(std::int32_t node) const {
    return contents_.get() + static_cast<std::size_t>(node) * block_positions_;
  }
  std::uint64_t hash_of(PrefixKey key, std::int32_t parent,
                        std::span<const ContentId> contents) const;
  std::size_t bucket_of(std::uint64_t hash) const { return hash & (buckets_.size() - 1); }
  std::size_t slot(std::int32_t node, std::size_t group) const {
    return static_cast<std::size_t>(node) * groups_.size() + group;
  }
  void evict(std::size_t group, BlockId block);  // the node with it, unless the group slides
  void set_block(std::int32_t node, std::size_t group, BlockId block);
  void forget_block(std::int32_t node, std::size_t group);
  void forget_node(std::int32_t node);
  template <class Matches>
  void clear_if(Matches matches);

  std::vector<Group> groups_;
  std::size_t block_positions_;
  std::uint64_t hash_mask_;
  std::size_t anchor_ = 0;                          // the group by whose blocks nodes are numbered
  std::vector<Node> nodes_;                         // by block of the anchor
  std::vector<std::int32_t> blocks_;                // [nodes, groups]; -1: given up
  std::vector<std::vector<std::int32_t>> node_of_;  // by group and block
  std::vector<std::int32_t> buckets_;               // of a power of two
  std::unique_ptr<std::uint64_t[]> contents_;       // [nodes, block_positions], touched when used
  PrefixStats stats_;
};

}  // namespace sirocco
