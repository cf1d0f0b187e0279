#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/nn/layer_memory.hpp"
#include "sirocco/nn/transform_context.hpp"

namespace sirocco {

/// LayerFeatures are the rows behind several layers of an encoder, which its stream keeps below the
/// residual stream while that is on its way.
class LayerFeatures {
 public:
  /// The layers by their numbers, from 1 on, 0 being what comes before the first; none: the rows
  /// behind the last are all that is wanted, and nothing is kept.
  explicit LayerFeatures(std::vector<std::int32_t> layers = {}) : layers_(std::move(layers)) {}

  std::int64_t kept() const { return std::ssize(layers_); }
  /// The context's rows of the stream, which are behind that many layers: keeps them where they are
  /// wanted.
  void keep(const EncoderStream& stream, std::int32_t layers, TransformContext& context) const;
  /// Of these rows of the stream, in their order, f32 [n, K] or, side by side in the order of the
  /// layers, [n, layers · K], in the context's scratch memory.
  Tensor read(const EncoderStream& stream, std::span<const std::int32_t> rows,
              TransformContext& context) const;

 private:
  std::vector<std::int32_t> layers_;
};

}  // namespace sirocco
