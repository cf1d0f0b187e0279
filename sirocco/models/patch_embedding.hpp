#pragma once

#include <memory>
#include <optional>

#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A PatchEmbedding makes the residual stream of a picture's patches: a product, a row before them
/// where the encoder has a class token (CLIP), a learned vector for each place, a norm where there
/// is one. (Dosovitskiy et al. 2021)
class PatchEmbedding {
 public:
  /// `patches` is [K, C·p·p]. `positions` is [N, K]: those of a square grid of `grid_side` a side,
  /// behind one for the class token where there is one. Throws InvalidArgument unless they fit.
  PatchEmbedding(Linear patches, WeightVector class_row,
                 std::shared_ptr<const WeightMatrix> positions, std::int32_t grid_side);
  PatchEmbedding with_norm(LayerNorm norm) &&;

  std::int32_t rows_before() const { return class_row_ ? 1 : 0; }
  std::int64_t width() const { return patches_.outputs(); }

  /// f32 [P, C·p·p] to [T, K]. A patch of a grid of another size than the learned one has the place
  /// there that is as far along. (Dehghani et al. 2023)
  Hidden forward(const Tensor& patches, TransformContext& context) const;

 private:
  Linear patches_;
  WeightVector class_row_;
  std::shared_ptr<const WeightMatrix> positions_;
  std::int32_t grid_side_;
  std::optional<LayerNorm> norm_;
};

}  // namespace sirocco
