#pragma once

#include <cstdint>
#include <memory>

#include "sirocco/nn/layer_memory.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/norms.hpp"
#include "sirocco/nn/rotary.hpp"

namespace sirocco {

/// A StreamProjections makes queries, keys and values of the rows of one kind, and normalizes the
/// first two head by head.
class StreamProjections {
 public:
  /// Throws InvalidArgument when the norms aren't a head wide.
  StreamProjections(Linear q, Linear k, Linear v, RmsNorm q_norm, RmsNorm k_norm);

  std::int64_t width() const { return q_.outputs(); }  ///< of all heads
  std::int64_t inputs() const { return q_.inputs(); }
  std::int64_t head_dim() const { return q_norm_.width(); }
  ActivationForms key_forms() const { return forms_for(k_) | forms_for(v_); }
  ActivationForms query_forms() const { return forms_for(q_); }

  /// x [T, D] to f32 [T, H · E].
  void queries(const Activations& x, const Out<Tensor>& q, TransformContext& context) const;
  void keys_and_values(const Activations& x, const Out<Tensor>& k, const Out<Tensor>& v,
                       TransformContext& context) const;

 private:
  Linear q_, k_, v_;
  RmsNorm q_norm_, k_norm_;
};

/// A JointAttention is softmax attention of all rows of a sequence over all, whatever projections
/// they come from. (Esser et al. 2024) In two halves, as a mixer that MixesInParts.
class JointAttention {
 public:
  /// Throws InvalidArgument unless heads are as wide as what `rotary` turns.
  JointAttention(std::int32_t heads, std::int32_t head_dim, std::shared_ptr<const Rotary> rotary);

  std::int64_t width() const { return std::int64_t{heads_} * head_dim_; }

  /// Keeps keys and values of the context's rows, f32 [n, H · E]. The keys are turned in place.
  void remember(const Tensor& keys, const Tensor& values, LayerMemory& memory,
                TransformContext& context) const;
  /// What queries of the context's rows, f32 [n, H · E], see of all rows, once these are
  /// remembered: as many, in the context's scratch memory. They are turned in place.
  Tensor attend(const Tensor& queries, LayerMemory& memory, TransformContext& context) const;

 private:
  Tensor turned(const Tensor& x, TransformContext& context) const;
  KvCacheView cache(LayerMemory& memory, TransformContext& context) const;

  std::int32_t heads_;
  std::int32_t head_dim_;
  std::shared_ptr<const Rotary> rotary_;
};

}  // namespace sirocco
