#pragma once

#include <concepts>
#include <utility>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/wiring.hpp"

namespace sirocco {

/// A TransformerBlock is one layer of a transformer: a norm, a mixer and a feed-forward in a
/// residual topology, put together by the compiler. Immutable. Instantiated once, in the .cpp of
/// the family that introduced the combination.
template <Norm N, Mixer A, FeedForward F, class Wiring = PreNorm>
class TransformerBlock {
 public:
  using Norms = typename Wiring::template Of<N>;

  TransformerBlock(Norms norms, A mixer, F ffn)
      : norms_(std::move(norms)), mixer_(std::move(mixer)), ffn_(std::move(ffn)) {}

  /// Advances the residual stream x, f32 [T, D], in place.
  void forward(const Tensor& x, LayerIndex layer, TransformContext& context) const {
    const Arena::Scope scope(context.scratch());
    norms_.run(x, mixer_, ffn_, layer, context);
  }

  /// The two halves of `forward`, for whoever cuts the rows of a layer: x is the context's rows, a
  /// part of a sequence (SequenceRows::part), of which all are remembered before any goes forward.
  void remember(const Tensor& x, LayerMemory& memory, TransformContext& context) const
    requires MixesInParts<A> && std::same_as<Wiring, PreNorm>
  {
    const Arena::Scope scope(context.scratch());
    norms_.remember(x, mixer_, memory, context);
  }
  void forward(const Tensor& x, LayerMemory& memory, TransformContext& context) const
    requires MixesInParts<A> && std::same_as<Wiring, PreNorm>
  {
    const Arena::Scope scope(context.scratch());
    norms_.run(x, mixer_, ffn_, memory, context);
  }

  CacheNeed cache_need() const { return mixer_.cache_need(); }

 private:
  Norms norms_;
  A mixer_;
  F ffn_;
};

}  // namespace sirocco
