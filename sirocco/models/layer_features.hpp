#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// LayerFeatures are the rows behind several layers of an encoder, kept below its residual stream
/// while that is on its way: [(1 + layers) · T, K].
class LayerFeatures {
 public:
  /// The layers by their numbers, from 1 on, 0 being what comes before the first; none: the rows
  /// behind the last are all that is wanted, and nothing is kept.
  explicit LayerFeatures(std::vector<std::int32_t> layers = {}) : layers_(std::move(layers)) {}

  /// The stream [T, K] with room for them.
  Hidden begin(Hidden stream, TransformContext& context) const;
  /// The stream behind that many layers: keeps it where it is wanted.
  void keep(const Hidden& stream, std::int32_t layers, TransformContext& context) const;
  /// f32 [T, K] or, side by side in the order of the layers, [T, layers · K].
  Tensor read(const Hidden& stream, TransformContext& context) const;

 private:
  std::vector<std::int32_t> layers_;
};

}  // namespace sirocco
