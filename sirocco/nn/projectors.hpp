#pragma once

#include <cstdint>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"

namespace sirocco {

// From the rows of an encoder, those of patches of the context's grids, to rows of a language
// model. All throw InvalidArgument when their parts don't fit one another.

/// An MlpProjector is second(activation(first(x))), a row a patch. (Liu et al. 2024, LLaVA-1.5)
class MlpProjector {
 public:
  MlpProjector(Linear first, PlainActivation activation, Linear second);

  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid grid) const { return grid; }
  std::int64_t outputs() const { return second_.outputs(); }

 private:
  Linear first_;
  PlainActivation activation_;
  Linear second_;
};

/// A ShuffleProjector puts the rows of each square of patches, row by row, into one before its
/// product: pixel shuffle. (Laurençon et al. 2024, Idefics3)
class ShuffleProjector {
 public:
  /// `side` is that of the squares, in patches.
  ShuffleProjector(std::int32_t side, Linear projection);

  /// Grids are whole squares.
  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid grid) const { return {grid.rows / side_, grid.columns / side_}; }
  std::int64_t outputs() const { return projection_.outputs(); }

 private:
  std::int32_t side_;
  Linear projection_;
};

/// A PoolProjector is the product with the normalized mean of each square of patches. (Gemma Team
/// 2025)
class PoolProjector {
 public:
  PoolProjector(std::int32_t side, RmsNorm norm, Linear projection);

  /// Patches at the end of a row or a column that make no whole square don't count.
  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid grid) const { return {grid.rows / side_, grid.columns / side_}; }
  std::int64_t outputs() const { return projection_.outputs(); }

 private:
  std::int32_t side_;
  RmsNorm norm_;
  Linear projection_;
};

static_assert(Projector<MlpProjector> && Projector<ShuffleProjector> && Projector<PoolProjector>);

}  // namespace sirocco
