#pragma once

#include "sirocco/models/model.hpp"

namespace sirocco {

/// ModelSources are what a model is built of, all of it borrowed while its builder lives.
struct ModelSources {
  const Metadata& metadata;
  const WeightSource& weights;
  WeightPacker& packer;
  LoadProgress progress;
};

}  // namespace sirocco
