#pragma once

#include <concepts>
#include <memory>
#include <optional>

#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/layer_memory.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/relative_bias.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {

// Masks are predicates, told to the kernel as a rule; none is ever written out as a matrix. Under a
// causal one, rows of the same MutualSpan see each other besides, as far as a window goes back: it
// says where a row's view begins and the span where it ends, as in Gemma 3.

/// A CausalMask lets a query see itself and what came before.
struct CausalMask {
  static constexpr bool kCausal = true;
  MaskSpec spec() const { return {.causal = true}; }
  CacheNeed cache_need(const CacheGeometry& g) const { return {CacheKind::kFull, g}; }
};

/// A WindowMask lets a query see itself and the `window - 1` positions before.
struct WindowMask {
  static constexpr bool kCausal = true;
  std::int32_t window = MaskSpec::kNoWindow;
  MaskSpec spec() const { return {.causal = true, .window = window}; }
  CacheNeed cache_need(const CacheGeometry& g) const { return {CacheKind::kWindow, g, window}; }
};

/// A BidirectionalMask lets a query see all of its sequence, which is one step's: nothing is kept.
/// With a window, only what is less than so far away, before and after.
struct BidirectionalMask {
  static constexpr bool kCausal = false;
  std::int32_t window = MaskSpec::kNoWindow;
  MaskSpec spec() const { return {.causal = false, .window = window}; }
  CacheNeed cache_need(const CacheGeometry& /*geometry*/) const { return {}; }
};

/// A PatchWindowMask lets a query see its own window of a picture (SequenceRows::with_windows), or
/// all of a sequence that has none: of one step, so that nothing is kept. (Bai et al. 2025)
struct PatchWindowMask {
  static constexpr bool kCausal = false;
  MaskSpec spec() const { return {.causal = false}; }
  CacheNeed cache_need(const CacheGeometry& /*geometry*/) const { return {}; }
};

/// An AttentionConfig is what an attention has besides weights.
struct AttentionConfig {
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;   ///< of queries and keys
  std::int32_t value_dim = 0;  ///< of values; 0: as head_dim
  float scale = 0.0f;          ///< of the dot products; 0: 1 / sqrt(head_dim)
  float logit_cap = 0.0f;      ///< Gemma 2's soft cap on scores; 0: none
};

/// `config` with the usual in place of what it leaves out. Throws InvalidArgument when it can't be,
/// or the projections don't fit it.
AttentionConfig completed(AttentionConfig config, const Linear& q, const Linear& k, const Linear& v,
                          const Linear& o);

/// PagedAttention marks an attention that keeps its keys and values in the paged cache of the
/// pipeline. One without it sees the rows of the step only, which are then whole sequences from
/// position 0.
struct PagedAttention {};

/// A MaskedAttention is softmax attention with grouped queries over a masked sequence. Built in one
/// expression:
///   CausalAttention(config, q, k, v, o).with_qk_norm(qn,
///   kn).with_rotary(rotary).with_paged_attn({})
/// Throws InvalidArgument when the dimensions of projections, norms or rotary don't fit the
/// configuration.
template <class M>
class MaskedAttention {
 public:
  using Mask = M;

  MaskedAttention(const AttentionConfig& config, Linear q, Linear k, Linear v, Linear o,
                  Mask mask = {});

  /// Normalizes queries and keys head by head (or across all heads, when the norms are that wide).
  MaskedAttention with_qk_norm(RmsNorm q, RmsNorm k) &&;
  MaskedAttention with_rotary(std::shared_ptr<const Rotary> rotary) &&;
  /// Keeps keys and values in the paged cache: only where no row sees a later one, since a paged
  /// sequence grows.
  MaskedAttention with_paged_attn(PagedAttention) &&
        requires M::kCausal
  {
    paged_ = true;
    return std::move(*this);
  }
  /// A sink is a learned score of a head that takes part in the softmax and has no value. [heads]
  /// (Xiao et al. 2024)
  MaskedAttention with_sinks(WeightVector sinks) &&;
  /// Scores lose slope · |distance|. With n the largest power of two up to the number of heads, the
  /// slopes of the first n are 2^(-max_bias · i / n), i from 1 on, and those of the others
  /// 2^(-max_bias · i / 2n) over odd i. (Press et al. 2022)
  MaskedAttention with_alibi(float max_bias = 8.0f) &&;
  /// Scores gain what was learned for their distances, where rows see all of their sequence.
  /// (Raffel et al. 2020)
  MaskedAttention with_relative_bias(RelativeBias bias) &&
        requires std::same_as<M, BidirectionalMask>
  {
    require_heads(bias);
    relative_bias_.emplace(std::move(bias));
    return std::move(*this);
  }

  /// x [T, D] to f32 [T, D]. Writes the rows' keys and values to `cache`, then attends through
  /// `mask`. `positions` i32 [T] are those of `metadata`, which carries what else is needed.
  Tensor forward(const Activations& x, const Mask& mask, const KvCacheView& cache,
                 const Tensor& positions, TransformContext& metadata) const;
  bool has_paged_attn() const { return paged_; }

  /// The two halves of `mix`, for whoever cuts the rows of a sequence. x [n, D] are the context's
  /// rows, a part of one sequence (SequenceRows::part): `remember` keeps their keys and values in
  /// `memory`, and `attend`, when all of the sequence are there, makes f32 [n, D]. Not for masks
  /// with a window, nor with slopes.
  void remember(const Activations& x, LayerMemory& memory, TransformContext& context) const
    requires(!M::kCausal);
  Tensor attend(const Activations& x, LayerMemory& memory, TransformContext& context) const
    requires(!M::kCausal);

  Tensor mix(const Activations& x, LayerIndex layer, TransformContext& context) const;
  CacheNeed cache_need() const;
  ActivationForms input_forms() const { return forms_for(q_) | forms_for(k_) | forms_for(v_); }

 private:
  CacheGeometry geometry() const { return {config_.kv_heads, config_.head_dim, config_.value_dim}; }
  /// Queries or keys as they are scored: normalized, where they are, and turned. In place, as f32
  /// [n, heads, E].
  Tensor placed(const Tensor& x, std::int32_t heads, const std::optional<RmsNorm>& norm,
                TransformContext& context) const;
  /// What queries [n, H, E] see in the cache, through the output projection.
  Tensor attended(const Tensor& q, const Mask& mask, const KvCacheView& cache,
                  const BatchTensors& batch, const Tensor& key_lengths,
                  TransformContext& context) const;
  void require_heads(const RelativeBias& bias) const;

  AttentionConfig config_;
  Linear q_, k_, v_, o_;
  Mask mask_;
  std::optional<RmsNorm> q_norm_;
  std::optional<RmsNorm> k_norm_;
  std::shared_ptr<const Rotary> rotary_;
  WeightVector sinks_;
  WeightVector slopes_;
  bool paged_ = false;
  std::optional<RelativeBias> relative_bias_;
};

using CausalAttention = MaskedAttention<CausalMask>;
using SlidingWindowAttention = MaskedAttention<WindowMask>;
using BidirectionalAttention = MaskedAttention<BidirectionalMask>;
using PatchWindowAttention = MaskedAttention<PatchWindowMask>;

extern template class MaskedAttention<CausalMask>;
extern template class MaskedAttention<WindowMask>;
extern template class MaskedAttention<BidirectionalMask>;
extern template class MaskedAttention<PatchWindowMask>;

}  // namespace sirocco
