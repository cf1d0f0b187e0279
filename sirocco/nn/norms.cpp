#include "sirocco/nn/norms.hpp"

namespace sirocco {

Activations RmsNorm::forward(const Tensor& x, TransformContext& context) const {
  const Activations out{.f32 = context.scratch().tensor(DType::kF32, {x.rows(), width()}),
                        .q8 = {}};
  context.ops().rms_norm(x, weight_.tensor(), epsilon_, Out(out));
  return out;
}

void RmsNorm::apply(const Tensor& x, TransformContext& context) const {
  const Tensor rows = x.reshaped({x.shape().elements() / width(), width()});
  context.ops().rms_norm(rows, weight_.tensor(), epsilon_, Out(Activations{.f32 = rows, .q8 = {}}));
}

LayerNorm::LayerNorm(WeightVector weight, WeightVector bias, float epsilon)
    : weight_(std::move(weight)), bias_(std::move(bias)), epsilon_(epsilon) {
  if (!bias_) bias_ = WeightVector(std::vector<float>(static_cast<std::size_t>(width())));
  SIROCCO_CHECK(bias_.size() == width());
}

Activations LayerNorm::forward(const Tensor& x, TransformContext& context) const {
  const Activations out{.f32 = context.scratch().tensor(DType::kF32, {x.rows(), width()}),
                        .q8 = {}};
  context.ops().layer_norm(x, weight_.tensor(), bias_.tensor(), epsilon_, Out(out));
  return out;
}

void LayerNorm::apply(const Tensor& x, TransformContext& context) const {
  const Tensor rows = x.reshaped({x.shape().elements() / width(), width()});
  context.ops().layer_norm(rows, weight_.tensor(), bias_.tensor(), epsilon_,
                           Out(Activations{.f32 = rows, .q8 = {}}));
}

Activations QRmsNorm::forward(const Tensor& x, TransformContext& context) const {
  const Activations out =
      make_activations(context.scratch(), context.ops(), x.rows(), norm_.width(), forms_);
  context.ops().rms_norm(x, norm_.weight().tensor(), norm_.epsilon(), Out(out));
  return out;
}

}  // namespace sirocco
