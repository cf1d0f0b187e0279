#pragma once

#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// An RmsNorm makes x / sqrt(mean(x²) + epsilon) · weight, as floats. (Zhang & Sennrich 2019)
class RmsNorm {
 public:
  RmsNorm(WeightVector weight, float epsilon) : weight_(std::move(weight)), epsilon_(epsilon) {}

  std::int64_t width() const { return weight_.size(); }

  /// f32 [T, D] to f32 [T, D] in the context's scratch memory.
  Activations forward(const Tensor& x, TransformContext& context) const;

  /// Normalizes rows of `width()` in place: how queries and keys are normalized head by head.
  void apply(const Tensor& x, TransformContext& context) const;

  const WeightVector& weight() const { return weight_; }
  float epsilon() const { return epsilon_; }

 private:
  WeightVector weight_;
  float epsilon_;
};

/// A LayerNorm makes (x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias, as floats. (Ba et
/// al. 2016)
class LayerNorm {
 public:
  /// Without a bias it is zero.
  LayerNorm(WeightVector weight, WeightVector bias, float epsilon);

  std::int64_t width() const { return weight_.size(); }

  /// f32 [T, D] to f32 [T, D] in the context's scratch memory.
  Activations forward(const Tensor& x, TransformContext& context) const;
  /// Normalizes rows of `width()` in place.
  void apply(const Tensor& x, TransformContext& context) const;

 private:
  WeightVector weight_;
  WeightVector bias_;
  float epsilon_;
};

/// A QRmsNorm is an RmsNorm that quantizes in the same pass: it writes the forms that its consumers
/// asked for. The bits are those of RmsNorm followed by a conversion.
class QRmsNorm {
 public:
  QRmsNorm(RmsNorm norm, ActivationForms forms) : norm_(std::move(norm)), forms_(forms) {}
  Activations forward(const Tensor& x, TransformContext& context) const;

 private:
  RmsNorm norm_;
  ActivationForms forms_;
};

}  // namespace sirocco
