#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/step_results.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A PatchPlaces is which learned position a patch of a grid has.
enum class PatchPlaces : std::uint8_t {
  kOwn,       ///< its own, in a grid of the learned size
  kFraction,  ///< the one as far along, in float32 as transformers counts it (Idefics3, SmolVLM)
};

/// The learned rows or columns, of `side`, that `count` of a grid have by PatchPlaces::kFraction.
/// For some sizes they aren't those that exact numbers would give. (Dehghani et al. 2023)
std::vector<std::int32_t> fraction_places(std::int32_t count, std::int32_t side);

/// A PatchEmbedding makes the residual stream of a picture's patches: a product, a row before them
/// where the encoder has a class token (CLIP), a learned vector for each place, a norm where there
/// is one. (Dosovitskiy et al. 2021)
class PatchEmbedding {
 public:
  /// `patches` is [K, C·p·p]. `positions` is [N, K]: those of a square grid of `grid_side` a side,
  /// behind one for the class token where there is one. Throws InvalidArgument unless they fit.
  PatchEmbedding(Linear patches, WeightVector class_row,
                 std::shared_ptr<const WeightMatrix> positions, std::int32_t grid_side,
                 PatchPlaces places);
  PatchEmbedding with_norm(LayerNorm norm) &&;

  std::int32_t rows_before() const { return class_row_ ? 1 : 0; }
  std::int64_t width() const { return patches_.outputs(); }

  /// f32 [P, C·p·p] to [T, K]. Throws InvalidArgument for a grid of another size than the learned
  /// one where patches have their own places.
  Hidden forward(const Tensor& patches, TransformContext& context) const;

 private:
  std::vector<std::int32_t> places_of(std::int32_t count) const;

  Linear patches_;
  WeightVector class_row_;
  std::shared_ptr<const WeightMatrix> positions_;
  std::int32_t grid_side_;
  PatchPlaces rule_;
  std::optional<LayerNorm> norm_;
};

}  // namespace sirocco
