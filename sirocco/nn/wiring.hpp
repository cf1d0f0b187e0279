#pragma once

#include <optional>
#include <utility>

#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"

namespace sirocco {

// The residual topology of a block. A wiring owns the block's norms and scalars, and is told the
// norm's type by the block.

/// PreNorm is x += A(norm(x)); x += F(norm(x)).
struct PreNorm {
  template <Norm N>
  class Of {
   public:
    Of(N attention_norm, N ffn_norm)
        : attention_norm_(std::move(attention_norm)), ffn_norm_(std::move(ffn_norm)) {}

    template <Mixer A, FeedForward F>
    void run(const Tensor& x, const A& mixer, const F& ffn, LayerIndex layer,
             TransformContext& context) const {
      context.ops().add(Out(x), mixer.mix(attention_norm_.forward(x, context), layer, context));
      feed(x, ffn, context);
    }

    /// `run` in two halves, of which the second is for when all rows have been remembered.
    template <MixesInParts A>
    void remember(const Tensor& x, const A& mixer, LayerMemory& memory,
                  TransformContext& context) const {
      mixer.remember(attention_norm_.forward(x, context), memory, context);
    }
    template <MixesInParts A, FeedForward F>
    void run(const Tensor& x, const A& mixer, const F& ffn, LayerMemory& memory,
             TransformContext& context) const {
      context.ops().add(Out(x), mixer.attend(attention_norm_.forward(x, context), memory, context));
      feed(x, ffn, context);
    }

   private:
    template <FeedForward F>
    void feed(const Tensor& x, const F& ffn, TransformContext& context) const {
      context.ops().add(Out(x), ffn.forward(ffn_norm_.forward(x, context), context));
    }

    N attention_norm_;
    N ffn_norm_;
  };
};

/// Parallel is n = norm(x); x += A(n) + F(n), as in GPT-J and Phi; or F reads a norm of its own, as
/// in GPT-NeoX.
struct Parallel {
  template <Norm N>
  class Of {
   public:
    explicit Of(N norm) : norm_(std::move(norm)) {}
    Of(N attention_norm, N ffn_norm)
        : norm_(std::move(attention_norm)), ffn_norm_(std::move(ffn_norm)) {}

    template <Mixer A, FeedForward F>
    void run(const Tensor& x, const A& mixer, const F& ffn, LayerIndex layer,
             TransformContext& context) const {
      Activations n = norm_.forward(x, context);
      if (!ffn_norm_) n = with_forms(n, mixer.input_forms() | ffn.input_forms(), context);
      const Tensor mixed = mixer.mix(n, layer, context);
      const Tensor fed = ffn.forward(ffn_norm_ ? ffn_norm_->forward(x, context) : n, context);
      context.ops().add(Out(x), mixed);
      context.ops().add(Out(x), fed);
    }

   private:
    N norm_;
    std::optional<N> ffn_norm_;
  };
};

/// PostLn is x = norm(x + A(x)); x = norm(x + F(x)), as in BERT.
struct PostLn {
  template <Norm N>
    requires requires(const N& n, const Tensor& x, TransformContext& c) { n.apply(x, c); }
  class Of {
   public:
    Of(N attention_norm, N ffn_norm)
        : attention_norm_(std::move(attention_norm)), ffn_norm_(std::move(ffn_norm)) {}

    template <Mixer A, FeedForward F>
    void run(const Tensor& x, const A& mixer, const F& ffn, LayerIndex layer,
             TransformContext& context) const {
      context.ops().add(Out(x), mixer.mix({.f32 = x, .q8 = {}}, layer, context));
      attention_norm_.apply(x, context);
      context.ops().add(Out(x), ffn.forward({.f32 = x, .q8 = {}}, context));
      ffn_norm_.apply(x, context);
    }

   private:
    N attention_norm_;
    N ffn_norm_;
  };
};

/// Sandwich is x += norm(A(norm(x))); x += norm(F(norm(x))), as in Gemma 2 and 3.
struct Sandwich {
  template <Norm N>
  class Of {
   public:
    Of(N attention_norm, N post_attention_norm, N ffn_norm, N post_ffn_norm)
        : attention_norm_(std::move(attention_norm)),
          post_attention_norm_(std::move(post_attention_norm)),
          ffn_norm_(std::move(ffn_norm)),
          post_ffn_norm_(std::move(post_ffn_norm)) {}

    template <Mixer A, FeedForward F>
    void run(const Tensor& x, const A& mixer, const F& ffn, LayerIndex layer,
             TransformContext& context) const {
      const Tensor mixed = mixer.mix(attention_norm_.forward(x, context), layer, context);
      context.ops().add(Out(x), post_attention_norm_.forward(mixed, context).f32);
      const Tensor fed = ffn.forward(ffn_norm_.forward(x, context), context);
      context.ops().add(Out(x), post_ffn_norm_.forward(fed, context).f32);
    }

   private:
    N attention_norm_;
    N post_attention_norm_;
    N ffn_norm_;
    N post_ffn_norm_;
  };
};

}  // namespace sirocco
