#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/text_encoder.hpp"

namespace sirocco {

/// A TextPass is a text on its way through an encoder, layer by layer: what is done at once is a
/// layer at least. The rows are the same bits however it is cut.
class TextPass {
 public:
  /// `outputs` are the rows that are wanted, ascending; `layer_products` are those of two numbers
  /// that a token takes in a layer.
  TextPass(std::shared_ptr<const TextEncoder> encoder, double layer_products,
           std::vector<TokenId> tokens, std::vector<std::int32_t> outputs);

  bool ended() const { return layer_ == encoder_->info().layers; }
  /// Products of two numbers that are left.
  double left() const;
  /// The next layer, and what more costs no more than `budget` together with it. Throws
  /// ResourceExhausted, and NotANumber where rows aren't finite.
  void advance(double budget, Backend& backend, StepMemory& memory);
  /// f32 [outputs, D], once it has ended.
  const std::vector<float>& rows() const { return rows_; }

 private:
  double layer_cost() const;

  std::shared_ptr<const TextEncoder> encoder_;
  double layer_products_;
  std::vector<TokenId> tokens_;
  std::vector<std::int32_t> outputs_;
  std::int32_t layer_ = 0;
  std::vector<float> rows_;  // the residual stream on the way, then what is wanted
};

}  // namespace sirocco
