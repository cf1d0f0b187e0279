#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"

namespace sirocco {

// From the rows of an encoder, those of a grid's patches, to rows of a language model: any of these
// by themselves, of the patches that `reads` says. All throw InvalidArgument when their parts don't
// fit one another.

/// The patches of the squares [first, end) of a grid, `side` of them a side: square by square, in
/// each row by row. Those at the end of a row or a column that make no whole square are left out.
void append_squares(PatchGrid grid, std::int32_t side, RowRange squares,
                    std::vector<std::int32_t>& patches);

/// An MlpProjector is second(activation(first(x))), a row a patch. (Liu et al. 2024, LLaVA-1.5)
class MlpProjector {
 public:
  MlpProjector(Linear first, PlainActivation activation, Linear second);

  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid grid) const { return grid; }
  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const {
    append_squares(grid, 1, made, patches);
  }
  std::int64_t products() const { return first_.products() + second_.products(); }
  std::int64_t products(PatchGrid) const { return products(); }
  std::int64_t inputs() const { return first_.inputs(); }
  std::int64_t outputs() const { return second_.outputs(); }

 private:
  Linear first_;
  PlainActivation activation_;
  Linear second_;
};

/// A ClassProjector is the product with the first row of a picture alone, that of its class token.
/// (Radford et al. 2021, CLIP)
class ClassProjector {
 public:
  /// Rows before those of patches, which count backwards from -1, aren't rows of its result.
  static constexpr bool kReadsRowsBefore = true;

  explicit ClassProjector(Linear projection) : projection_(std::move(projection)) {}

  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid) const { return {1, 1}; }
  void reads(PatchGrid /*grid*/, RowRange /*made*/, std::vector<std::int32_t>& patches) const {
    patches.push_back(-1);
  }
  std::int64_t products(PatchGrid) const { return projection_.products(); }
  std::int64_t outputs() const { return projection_.outputs(); }

 private:
  Linear projection_;
};

/// A ShuffleProjector puts the rows of each square of patches, row by row, into one before its
/// product: pixel shuffle. (Laurençon et al. 2024, Idefics3)
class ShuffleProjector {
 public:
  /// `side` is that of the squares, in patches.
  ShuffleProjector(std::int32_t side, Linear projection);

  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const {
    append_squares(grid, side_, made, patches);
  }
  Tensor forward(const Tensor& x, TransformContext& context) const;
  std::int64_t products(PatchGrid) const { return projection_.products(); }
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

  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const {
    append_squares(grid, side_, made, patches);
  }
  Tensor forward(const Tensor& x, TransformContext& context) const;
  std::int64_t products(PatchGrid) const { return projection_.products(); }
  PatchGrid projected(PatchGrid grid) const { return {grid.rows / side_, grid.columns / side_}; }
  std::int64_t outputs() const { return projection_.outputs(); }

 private:
  std::int32_t side_;
  RmsNorm norm_;
  Linear projection_;
};

/// A MergeProjector puts the rows of each square of patches, row by row, into one before it goes
/// through an MLP: the patch merger. What was put together may be normalized, or first become a row
/// as wide as a patch's by a product. (Wang et al. 2024, Qwen2-VL; Bai et al. 2025; Mistral AI
/// 2025)
class MergeProjector {
 public:
  /// `side` is that of the squares, in patches.
  MergeProjector(std::int32_t side, MlpProjector mlp);
  MergeProjector with_norm(LayerNorm norm) &&;
  MergeProjector with_merge(Linear merge) &&;

  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const {
    append_squares(grid, side_, made, patches);
  }
  Tensor forward(const Tensor& x, TransformContext& context) const;
  std::int64_t products(PatchGrid) const {
    return mlp_.products() + (merge_ ? merge_->products() : 0);
  }
  PatchGrid projected(PatchGrid grid) const { return {grid.rows / side_, grid.columns / side_}; }
  std::int64_t outputs() const { return mlp_.outputs(); }

 private:
  std::int32_t side_;
  MlpProjector mlp_;
  std::optional<LayerNorm> norm_;
  std::optional<Linear> merge_;
};

/// A DeepStackProjector makes rows that have further parts: the first is for where the patches
/// stand in a prompt, the others are to be added to it behind the language model's first layers. It
/// reads the rows behind as many of an encoder's layers, side by side, those for the first part in
/// front. (Meng et al. 2024)
class DeepStackProjector {
 public:
  /// The mergers put together squares of one size and make rows of one width.
  DeepStackProjector(LayerNorm norm, MergeProjector first, std::vector<MergeProjector> deep);

  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid grid) const { return first_.projected(grid); }
  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const {
    first_.reads(grid, made, patches);
  }
  std::int64_t products(PatchGrid grid) const;
  std::int64_t outputs() const { return first_.outputs() * (1 + std::ssize(deep_)); }

 private:
  LayerNorm norm_;
  MergeProjector first_;
  std::vector<MergeProjector> deep_;
};

static_assert(Projector<MergeProjector> && Projector<DeepStackProjector>);
static_assert(Projector<MlpProjector> && Projector<ShuffleProjector> && Projector<PoolProjector>);
static_assert(Projector<ClassProjector>);

}  // namespace sirocco
