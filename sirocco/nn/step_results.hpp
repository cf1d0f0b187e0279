#pragma once

#include <utility>

#include "sirocco/kernels/backend.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// A Lease is a hold on a context that the context's end checks for, so that Hidden and Logits
/// can't outlive their step.
class Lease {
 public:
  explicit Lease(TransformContext& context) : context_(&context) { ++context.leases_; }
  Lease(Lease&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
  }
  ~Lease() {
    if (context_ != nullptr) --context_->leases_;
  }

 private:
  TransformContext* context_;
};

/// A Hidden is the hidden states between the parts of a model, a row a token (or, behind the last
/// block, a row an output). Opaque to pipelines but for sending it on as floats.
class Hidden {
 public:
  Hidden(TransformContext& context, Activations activations)
      : lease_(context), activations_(activations) {}
  const Tensor& values() const { return activations_.f32; }  ///< f32 [T, D]
  const Activations& activations() const { return activations_; }

 private:
  Lease lease_;
  Activations activations_;
};

/// Logits are scores of the vocabulary, a row an output: f32 [R, V].
class Logits {
 public:
  Logits(TransformContext& context, Tensor values) : lease_(context), values_(values) {}
  const Tensor& values() const { return values_; }

 private:
  Lease lease_;
  Tensor values_;
};

/// A LogitsShard is scores of a part of the vocabulary, a row an output: f32 [R, tokens of the
/// part]. Nothing is chosen by it: that takes the Logits of all parts.
class LogitsShard {
 public:
  LogitsShard(TransformContext& context, Tensor values) : lease_(context), values_(values) {}
  const Tensor& values() const { return values_; }

 private:
  Lease lease_;
  Tensor values_;
};

}  // namespace sirocco
