#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "sirocco/models/patch_positions.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
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

  std::int64_t products() const { return patches_.products(); }  ///< that a patch's row takes

  /// Rows of a stream, x f32 [n, K]: those of the patches of these numbers, and before them perhaps
  /// rows before those of patches, which have numbers below 0. `patches`, f32 [P, C·p·p], are all
  /// of the context's one grid. Throws as PatchPositions.
  void forward(std::span<const float> patches, std::span<const std::int32_t> numbers,
               const Tensor& x, TransformContext& context) const;

 private:
  Linear patches_;
  WeightVector class_row_;
  std::optional<PatchPositions> positions_;
  std::optional<AnyNorm> norm_;
};

}  // namespace sirocco
