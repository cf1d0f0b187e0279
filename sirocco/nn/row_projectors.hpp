#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/projectors.hpp"

namespace sirocco {

// From the rows of an encoder of sound to rows of a language model: any of these by themselves, of
// the rows that `reads` says. All throw InvalidArgument when their parts don't fit one another.

/// An UnchangedRows is the projector of an encoder whose rows are read as they are. (Radford et al.
/// 2022)
class UnchangedRows {
 public:
  explicit UnchangedRows(std::int64_t width) : width_(width) {}

  Tensor forward(const Tensor& x, TransformContext& /*context*/) const { return x; }
  std::int64_t projected(std::int64_t rows) const { return rows; }
  RowRange reads(RowRange made, std::int64_t /*rows*/) const { return made; }
  std::int64_t products() const { return 0; }
  std::int64_t outputs() const { return width_; }

 private:
  std::int64_t width_;
};

/// A MeanProjector is the product with the normalized mean of each few rows. (Chu et al. 2024,
/// Qwen2-Audio)
class MeanProjector {
 public:
  /// `count` are the rows of a mean.
  MeanProjector(std::int32_t count, LayerNorm norm, Linear projection);

  Tensor forward(const Tensor& x, TransformContext& context) const;
  /// Rows at the end of a sequence that make no whole mean don't count.
  std::int64_t projected(std::int64_t rows) const { return rows / count_; }
  RowRange reads(RowRange made, std::int64_t /*rows*/) const {
    return {made.first * count_, made.end * count_};
  }
  std::int64_t products() const { return projection_.products(); }
  std::int64_t outputs() const { return projection_.outputs(); }

 private:
  std::int32_t count_;
  LayerNorm norm_;
  Linear projection_;
};

/// A SwigluProjector is second(middle(silu(gate(y)) · up(y))) of y = before(x), with a norm in the
/// middle or behind. (Fixie 2024, Ultravox)
class SwigluProjector {
 public:
  SwigluProjector(RmsNorm before, Linear gate, Linear up, Linear second);
  SwigluProjector with_middle(RmsNorm norm) &&;
  SwigluProjector with_end(RmsNorm norm) &&;

  Tensor forward(const Tensor& x, TransformContext& context) const;
  std::int64_t inputs() const { return gate_.inputs(); }
  std::int64_t products() const { return gate_.products() + up_.products() + second_.products(); }
  std::int64_t outputs() const { return second_.outputs(); }

 private:
  RmsNorm before_;
  Linear gate_, up_;
  std::optional<RmsNorm> middle_;
  Linear second_;
  std::optional<RmsNorm> end_;
};

/// A StackProjector puts each few rows of a sequence side by side before it projects them; zeros
/// fill up the last ones. (Fixie 2024, Ultravox; Liu et al. 2025, Voxtral)
template <class P>
class StackProjector {
 public:
  /// `count` rows become one.
  StackProjector(std::int32_t count, P projector);

  /// x that isn't whole stacks is the end of its sequence.
  Tensor forward(const Tensor& x, TransformContext& context) const;
  std::int64_t projected(std::int64_t rows) const { return (rows + count_ - 1) / count_; }
  RowRange reads(RowRange made, std::int64_t rows) const {
    return {made.first * count_, std::min(made.end * count_, rows)};
  }
  std::int64_t products() const { return projector_.products(); }
  std::int64_t outputs() const { return projector_.outputs(); }

 private:
  std::int32_t count_;
  P projector_;
};

extern template class StackProjector<MlpProjector>;
extern template class StackProjector<SwigluProjector>;

static_assert(RowProjector<UnchangedRows> && RowProjector<MeanProjector> &&
              RowProjector<StackProjector<MlpProjector>> &&
              RowProjector<StackProjector<SwigluProjector>>);

}  // namespace sirocco
