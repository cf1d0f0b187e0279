#include "sirocco/nn/group_norm.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

GroupNorm::GroupNorm(WeightVector weight, WeightVector bias, std::int64_t groups, float epsilon)
    : weight_(std::move(weight)), bias_(std::move(bias)), groups_(groups), epsilon_(epsilon) {
  if (groups_ < 1 || width() % groups_ != 0 || bias_.size() != width()) {
    throw InvalidArgument("group norm: {} groups of {} channels, with biases for {}", groups_,
                          width(), bias_.size());
  }
}

Tensor GroupNorm::factors(const Tensor& x, TransformContext& context) const {
  const Tensor out = context.scratch().tensor(DType::kF32, {2, width()});
  context.picture_ops().group_factors(x, groups_, weight_.tensor(), bias_.tensor(), epsilon_,
                                      Out(out));
  return out;
}

Activations GroupNorm::forward(const Tensor& x, TransformContext& context) const {
  const Activations out{.f32 = context.scratch().tensor(DType::kF32, {x.rows(), width()}),
                        .q8 = {}};
  context.picture_ops().scale_channels(x, factors(x, context), false, Out(out.f32));
  return out;
}

}  // namespace sirocco
