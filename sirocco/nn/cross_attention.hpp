#pragma once

#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/cache.hpp"
#include "sirocco/nn/concepts.hpp"
#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// A CrossAttention is softmax attention of rows to what an encoder made of another input, all of
/// it, wherever they stand themselves. (Vaswani et al. 2017) Its keys and values are written once,
/// by `remember`, and read in every step from then on. Throws InvalidArgument when the dimensions
/// of projections don't fit the configuration.
class CrossAttention {
 public:
  CrossAttention(const AttentionConfig& config, Linear q, Linear k, Linear v, Linear o);

  /// Writes the keys and values of encoded rows, [T, K]. The rows of the context are the encoder's:
  /// their positions are the places that `mix` sees.
  void remember(const Activations& encoded, LayerIndex layer, TransformContext& context) const;

  /// Products of two numbers that it takes to remember a row.
  std::int64_t remember_products() const { return k_.products() + v_.products(); }

  /// [T, D] to f32 [T, D]. Every sequence of the step has a key length (SequenceRows), of positions
  /// that were remembered.
  Tensor mix(const Activations& x, LayerIndex layer, TransformContext& context) const;
  CacheNeed cache_need() const;
  ActivationForms input_forms() const { return forms_for(q_); }

 private:
  AttentionConfig config_;
  Linear q_, k_, v_, o_;
};

}  // namespace sirocco
