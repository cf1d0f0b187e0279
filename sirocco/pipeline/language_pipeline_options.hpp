#pragma once

#include <cstdint>

#include "sirocco/pipeline/block_pool.hpp"
#include "sirocco/pipeline/pipeline.hpp"

namespace sirocco {

/// LanguagePipelineOptions are how a text model is to run.
struct LanguagePipelineOptions {
  /// Positions that a sequence may have; 0: what the model was trained for, or what caches have
  /// room for (CacheRoom). Never more than the cache holds.
  std::int32_t context = 0;
  std::uint64_t cache_budget = UINT64_MAX;  ///< bytes that all caches may come to where nobody says
  /// Room for the positions of all sequences together; 0: `cache_sequences` of the whole context,
  /// as far as there is room, one at least.
  std::int64_t cache_positions = 0;
  int cache_sequences = 1;
  KvType kv_type = KvType::kF16;
  int block_positions = 32;
  int max_sequences = 16;
  int max_step = 512;                      ///< rows of a step
  std::int64_t default_max_tokens = 2048;  ///< of an answer whose job gives no limit
  BlockPool::Options blocks;
  PipelineHooks hooks;
};

}  // namespace sirocco
