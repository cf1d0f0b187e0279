#pragma once

#include <cstdint>
#include <span>

#include "sirocco/models/model.hpp"
#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/language_pipeline_options.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// A CacheRoom is what the cache of a stage may take where nobody says.
struct CacheRoom {
  std::uint64_t bytes = 0;
  /// Whose budget it is: stages of the same share it; null: that of a stage elsewhere, its own.
  const ByteLedger* ledger = nullptr;
};

/// Half of a budget, and no more than is left of it.
CacheRoom usual_cache_room(const ByteLedger& ledger);

/// A CacheChoice is how large the caches of a pipeline are.
struct CacheChoice {
  std::int32_t context = 0;  ///< positions that a sequence may have
  CacheOptions options;
};

/// The caches that the options ask for or, where they don't say, the model's own context and as
/// many sequences of it as the room of every stage allows, the tightest deciding. `layouts` and
/// `rooms` are of each stage. Throws InvalidArgument for a context below 1 or beyond the model's
/// last position.
CacheChoice choose_cache(const ModelInfo& info, const LanguagePipelineOptions& options,
                         std::span<const CacheLayout* const> layouts,
                         std::span<const CacheRoom> rooms);

}  // namespace sirocco
