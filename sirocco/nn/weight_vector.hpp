#pragma once

#include <memory>
#include <vector>

#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

/// A WeightVector is an immutable f32 vector of a model: norm weights, biases, rotary frequencies.
/// Copies share it.
class WeightVector {
 public:
  WeightVector() = default;
  explicit WeightVector(std::vector<float> values)
      : values_(std::make_shared<const std::vector<float>>(std::move(values))) {}

  explicit operator bool() const { return values_ != nullptr; }
  std::int64_t size() const {
    return values_ == nullptr ? 0 : static_cast<std::int64_t>(values_->size());
  }
  /// f32 [size], or the empty tensor. Never written through, valid as long as a copy of this lives.
  Tensor tensor() const& {
    if (values_ == nullptr) return {};
    return {DType::kF32, {size()}, const_cast<float*>(values_->data())};
  }
  Tensor tensor() const&& = delete;

 private:
  std::shared_ptr<const std::vector<float>> values_;
};

}  // namespace sirocco
