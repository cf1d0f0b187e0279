#pragma once

#include <cstdint>
#include <vector>

#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A ProbeAttention is softmax attention of one learned row, the probe, to all rows of a picture.
/// (Lee et al. 2019, Set Transformer) Throws InvalidArgument when the dimensions of the probe or of
/// the projections don't fit the configuration.
class ProbeAttention {
 public:
  /// `probe` is [K], as wide as the rows.
  ProbeAttention(const AttentionConfig& config, WeightVector probe, Linear q, Linear k, Linear v,
                 Linear o);

  /// All rows of one picture, f32 [P, K], to f32 [1, K].
  Tensor forward(const Tensor& x, TransformContext& context) const;
  /// Products of two numbers that it takes for so many rows.
  std::int64_t products(std::int64_t rows) const;
  std::int64_t outputs() const { return o_.outputs(); }

 private:
  AttentionConfig config_;
  WeightVector probe_;
  Linear q_, k_, v_, o_;
};

/// An AttentionPool makes one row of all rows of a picture: y + mlp(norm(y)), y being what its
/// probe sees of them. (Zhai et al. 2023, SigLIP)
class AttentionPool {
 public:
  AttentionPool(ProbeAttention attention, LayerNorm norm, Mlp mlp);

  Tensor forward(const Tensor& x, TransformContext& context) const;
  PatchGrid projected(PatchGrid) const { return {1, 1}; }
  void reads(PatchGrid grid, RowRange made, std::vector<std::int32_t>& patches) const;
  std::int64_t products(PatchGrid grid) const;
  std::int64_t outputs() const { return attention_.outputs(); }

 private:
  ProbeAttention attention_;
  LayerNorm norm_;
  Mlp mlp_;
};

static_assert(Projector<AttentionPool>);

}  // namespace sirocco
