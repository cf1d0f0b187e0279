#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/kernels/backend.hpp"

namespace sirocco {

/// A CacheKind is what a mixer remembers of a sequence from step to step.
enum class CacheKind : std::uint8_t {
  kFull,       ///< keys and values of every position
  kWindow,     ///< keys and values of the last positions
  kLatent,     ///< of every position one row that all heads share, from which they make keys and
               ///< values
  kCross,      ///< written once by an encoder
  kRecurrent,  ///< one state a sequence, whatever its length
  kNone,       ///< nothing
};

/// KvTypeTraits are a type of a cache's elements and the name that a user gives it.
struct KvTypeTraits {
  KvType type;
  std::string_view name;
};

std::span<const KvTypeTraits> kv_types();

/// CacheTraits say what can be done with a cache of a kind; prefix caching, preemption and
/// speculation accept or refuse by them.
struct CacheTraits {
  CacheKind kind;
  std::string_view name;
  bool can_page;      ///< lives in blocks of a pool
  bool can_truncate;  ///< the last positions can be taken back: of windows, so many as are kept
                      ///< for it
  bool can_share;     ///< sequences of one past can hold the same memory
};

const CacheTraits& cache_traits(CacheKind kind);

/// A CacheGeometry is what one layer keeps for one position.
struct CacheGeometry {
  std::int32_t kv_heads = 0;
  std::int32_t key_dim = 0;
  std::int32_t value_dim = 0;
  /// The element of keys where values begin; -1: they have their own rows.
  std::int32_t value_first = -1;
  friend auto operator<=>(const CacheGeometry&, const CacheGeometry&) = default;
};

/// A CacheNeed is what a mixer asks for: layers that ask for the same share a group.
struct CacheNeed {
  CacheKind kind = CacheKind::kNone;
  CacheGeometry geometry;
  std::int32_t window =
      MaskSpec::kNoWindow;  ///< kWindow: how many positions a query sees, its own included
  friend auto operator<=>(const CacheNeed&, const CacheNeed&) = default;
};

/// A CacheGroup is the layers of one kind and geometry. Each has its own block table and its own
/// lifetime of blocks.
struct CacheGroup {
  CacheNeed need;
  int slots = 0;  ///< layers' worth of keys and values in a block
};

/// A LayerCache is where a layer's cache is.
struct LayerCache {
  int group = -1;  ///< -1: the layer keeps nothing
  int slot = 0;
};

/// A CacheLayout says how the cache of a model, or of one stage of it, is laid out. Published by
/// the model; the pipeline allocates.
class CacheLayout {
 public:
  CacheLayout() = default;
  /// One need a layer, from layer `first` on.
  CacheLayout(LayerIndex first, const std::vector<CacheNeed>& layers);

  const std::vector<CacheGroup>& groups() const { return groups_; }
  /// How many layers there are, with those that keep nothing.
  std::int32_t layers() const { return static_cast<std::int32_t>(layers_.size()); }
  LayerCache layer(LayerIndex index) const;
  /// What the layer asked for; of the kind kNone where it keeps nothing.
  CacheNeed need(LayerIndex index) const;

  /// Bytes that a block of `block_positions` positions takes in the pool of `group`.
  std::size_t block_bytes(int group, KvType type, std::int32_t block_positions) const;

  /// The cache of one layer in a pool that begins at `pool`. `block_table` is the group's, i32 [S,
  /// B].
  KvCacheView view(LayerCache where, KvType type, std::int32_t block_positions, std::byte* pool,
                   const Tensor& block_table) const;

 private:
  LayerIndex first_;
  std::vector<CacheGroup> groups_;
  std::vector<LayerCache> layers_;
};

}  // namespace sirocco
