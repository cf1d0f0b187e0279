#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sirocco/kernels/kv_type.hpp"
#include "sirocco/nn/cache.hpp"

namespace sirocco {

/// A CacheGroupView is the pool of one cache group in a step.
struct CacheGroupView {
  std::byte* pool = nullptr;
  /// [S, blocks_a_sequence] row by row; -1 where none is held.
  std::vector<std::int32_t> block_table;
  std::int32_t blocks_a_sequence = 0;
};

/// CacheViews are the caches of one step: a view a group of the layout.
struct CacheViews {
  const CacheLayout* layout = nullptr;
  KvType type = KvType::kF16;
  std::int32_t block_positions = 0;
  std::vector<CacheGroupView> groups;
};

}  // namespace sirocco
