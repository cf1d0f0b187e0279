#pragma once

#include <utility>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/cross_attention.hpp"

namespace sirocco {

/// A CrossDecoderBlock is one layer of a decoder that reads what an encoder made: x += A(norm(x));
/// x += C(norm(x)), where C is cross-attention; x += F(norm(x)). (Vaswani et al. 2017, with the
/// norms in front) It has two caches, each of a layer of its own. Immutable.
template <Norm N, Mixer A, FeedForward F>
class CrossDecoderBlock {
 public:
  /// The norms in front of A, C and F.
  struct Norms {
    N mixer;
    N cross;
    N ffn;
  };

  CrossDecoderBlock(Norms norms, A mixer, CrossAttention cross, F ffn)
      : norms_(std::move(norms)),
        mixer_(std::move(mixer)),
        cross_(std::move(cross)),
        ffn_(std::move(ffn)) {}

  /// Advances the residual stream x, f32 [T, D], in place.
  void forward(const Tensor& x, LayerIndex own, LayerIndex encoded,
               TransformContext& context) const {
    const Arena::Scope scope(context.scratch());
    Ops& ops = context.ops();
    ops.add(Out(x), mixer_.mix(norms_.mixer.forward(x, context), own, context));
    ops.add(Out(x), cross_.mix(norms_.cross.forward(x, context), encoded, context));
    ops.add(Out(x), ffn_.forward(norms_.ffn.forward(x, context), context));
  }

  /// Keeps what `forward` reads of encoded rows; see CrossAttention::remember.
  void remember(const Activations& rows, LayerIndex encoded, TransformContext& context) const {
    const Arena::Scope scope(context.scratch());
    cross_.remember(rows, encoded, context);
  }

  std::int64_t remember_products() const { return cross_.remember_products(); }

  CacheNeed own_need() const { return mixer_.cache_need(); }
  CacheNeed encoded_need() const { return cross_.cache_need(); }

 private:
  Norms norms_;
  A mixer_;
  CrossAttention cross_;
  F ffn_;
};

}  // namespace sirocco
