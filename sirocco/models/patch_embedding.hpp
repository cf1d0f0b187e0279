#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "sirocco/models/patch_positions.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A PatchEmbedding makes the residual stream of a picture's patches: a product, a row before them
/// where the encoder has a class token (CLIP), learned positions unless it rotates (Pixtral), a
/// norm where there is one. (Dosovitskiy et al. 2021)
class PatchEmbedding {
 public:
  using AnyNorm = std::variant<LayerNorm, RmsNorm>;

  /// `patches` is [K, C·p·p].
  explicit PatchEmbedding(Linear patches) : patches_(std::move(patches)) {}
  /// Both throw InvalidArgument unless the parts fit one another.
  PatchEmbedding with_class_row(WeightVector row) &&;
  PatchEmbedding with_positions(PatchPositions positions) &&;
  PatchEmbedding with_norm(AnyNorm norm) &&;

  std::int32_t rows_before() const { return class_row_ ? 1 : 0; }
  std::int64_t width() const { return patches_.outputs(); }

  /// f32 [P, C·p·p] to [T, K]. Throws as PatchPositions.
  Hidden forward(const Tensor& patches, TransformContext& context) const;
  /// The rows of patches among x, [T, …].
  Tensor without_rows_before(const Tensor& x, TransformContext& context) const;

 private:
  Linear patches_;
  WeightVector class_row_;
  std::optional<PatchPositions> positions_;
  std::optional<AnyNorm> norm_;
};

}  // namespace sirocco
