#pragma once

#include <cstdint>
#include <vector>

#include "sirocco/tensor/metadata.hpp"
#include "sirocco/tensor/weight_source.hpp"

namespace sirocco {

/// A PartCost is what a part of a model weighs.
struct PartCost {
  std::uint64_t bytes = 0;     ///< of its tensors
  std::uint64_t read = 0;      ///< of these, what one token goes through: not experts that rest
  std::uint64_t products = 0;  ///< of one token with an element of these
};

/// LayerCosts are what the parts of a model weigh that it can be cut into.
struct LayerCosts {
  PartCost embedding;
  std::vector<PartCost> layers;
  PartCost head;  ///< with the last norm; a table that is the embedding's too counts at both ends
  std::uint64_t tied_bytes = 0;      ///< of that table: who has both ends holds it once
  std::int64_t vocabulary = 0;       ///< V: rows of the head's matrix; 0: there is none
  std::uint64_t head_row_bytes = 0;  ///< of one of them
};

/// The costs of a model, of its table of tensors (canonical_checkpoint) alone. Throws FormatError
/// where the metadata has no number of layers.
LayerCosts layer_costs(const Metadata& metadata, const WeightSource& weights);

}  // namespace sirocco
