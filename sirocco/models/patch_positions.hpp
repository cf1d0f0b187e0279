#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/step_rows.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// A PatchPlaces is which learned position a patch of a grid has.
enum class PatchPlaces : std::uint8_t {
  kOwn,       ///< its own, in a grid of the learned size
  kFraction,  ///< the one as far along, in float32 as transformers counts it (Idefics3, SmolVLM)
  kInterpolated,  ///< between the four around it, corners being those of the learned (Qwen3-VL)
};

/// The learned rows or columns, of `side`, that `count` of a grid have by PatchPlaces::kFraction.
/// For some sizes they aren't those that exact numbers would give. (Dehghani et al. 2023)
std::vector<std::int32_t> fraction_places(std::int32_t count, std::int32_t side);

/// PatchPositions are learned vectors for the places of patches in a square grid, of which pictures
/// of other sizes get theirs by a rule. (Dosovitskiy et al. 2021)
class PatchPositions {
 public:
  /// `table` is [N, K]: those of a grid of `grid_side` a side, behind as many as there are rows
  /// before the patches (a class token's). Throws InvalidArgument for fewer, and for interpolation
  /// with rows before.
  PatchPositions(std::shared_ptr<const WeightMatrix> table, std::int32_t grid_side,
                 PatchPlaces places);

  std::int64_t width() const { return table_->columns(); }
  std::int32_t rows_before() const { return rows_before_; }
  /// Adds to x, f32 [n, K], those of the patches of these numbers in the context's one grid, where
  /// rows before those of patches have numbers below 0. Throws InvalidArgument for a grid of
  /// another size than the learned one where patches have their own places.
  void add_to(const Tensor& x, std::span<const std::int32_t> numbers,
              TransformContext& context) const;

 private:
  std::vector<std::int32_t> places_of(std::int32_t count) const;
  void add_interpolated(const Tensor& x, std::span<const std::int32_t> numbers, PatchGrid grid,
                        TransformContext& context) const;

  std::shared_ptr<const WeightMatrix> table_;
  std::int32_t grid_side_;
  std::int32_t rows_before_;
  PatchPlaces rule_;
};

}  // namespace sirocco
