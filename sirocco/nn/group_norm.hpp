#pragma once

#include "sirocco/nn/transform_context.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A GroupNorm makes (x - mean) / sqrt(variance + epsilon) · weight + bias of a picture, over all
/// pixels and the channels of a group. (Wu & He 2018)
class GroupNorm {
 public:
  /// Throws InvalidArgument unless channels are `groups` groups of as many each.
  GroupNorm(WeightVector weight, WeightVector bias, std::int64_t groups, float epsilon);

  std::int64_t width() const { return weight_.size(); }

  /// What x, f32 [h · w, C], is scaled by: f32 [2, C] in the context's scratch memory, as
  /// convolutions take it.
  Tensor factors(const Tensor& x, TransformContext& context) const;
  /// f32 [h · w, C] to f32 [h · w, C] in the context's scratch memory.
  Activations forward(const Tensor& x, TransformContext& context) const;

 private:
  WeightVector weight_;
  WeightVector bias_;
  std::int64_t groups_;
  float epsilon_;
};

}  // namespace sirocco
