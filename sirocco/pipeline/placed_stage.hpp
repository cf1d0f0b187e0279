#pragma once

#include <optional>
#include <utility>

#include "sirocco/nn/transform_context.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// Where a stage runs: what computes there, and the budget of its memory. Both outlive the stage.
struct StagePlace {
  Backend& backend;
  ByteLedger& ledger;
};

/// A stage where it runs: its parts, the backend of its device, the memory of its cache and that of
/// its steps, which its device's budget is charged for.
template <Transforms Role>
struct PlacedStage {
  PlacedStage(Stage<Role> s, const StagePlace& place)
      : stage(std::move(s)), backend(&place.backend), ledger(&place.ledger) {}

  /// Makes the memory of the cache; before the first step. Throws ResourceExhausted.
  void allocate(CacheShape shape) { cache.emplace(stage.cache_layout(), std::move(shape), ledger); }

  Stage<Role> stage;
  Backend* backend;
  ByteLedger* ledger;
  std::optional<CacheMemory> cache;
  StepMemory memory{ledger};
};

}  // namespace sirocco
