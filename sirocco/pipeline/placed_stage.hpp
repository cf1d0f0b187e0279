#pragma once

#include <optional>
#include <utility>

#include "sirocco/nn/transform_context.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// A stage where it runs: its parts, the backend of its device, the memory of its cache and that of
/// its steps.
template <Transforms Role>
struct PlacedStage {
  PlacedStage(Stage<Role> s, Backend& b) : stage(std::move(s)), backend(&b) {}

  /// Makes the memory of the cache; before the first step.
  void allocate(CacheShape shape, ByteLedger& ledger) {
    cache.emplace(stage.cache_layout(), std::move(shape), &ledger);
  }

  Stage<Role> stage;
  Backend* backend;
  std::optional<CacheMemory> cache;
  StepMemory memory;
};

}  // namespace sirocco
