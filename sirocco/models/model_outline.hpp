#pragma once

#include <vector>

#include "sirocco/models/layer_costs.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/nn/cache.hpp"

namespace sirocco {

/// A ModelOutline is what can be told of a model before its matrices are loaded.
struct ModelOutline {
  ModelInfo info;
  LayerCosts costs;
  std::vector<CacheNeed> caches;  ///< what each layer keeps of a sequence
};

/// The outline of a canonical checkpoint (canonical_checkpoint). Reads its vectors only. Throws as
/// make_model_builder does, and what building its layers throws.
ModelOutline model_outline(const Metadata& metadata, const WeightSource& weights);

}  // namespace sirocco
