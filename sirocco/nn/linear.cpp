#include "sirocco/nn/linear.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Tensor Linear::forward(const Activations& x, TransformContext& context) const {
  return project<1>(x, {this}, context)[0];
}

void Linear::forward(const Activations& x, const Tensor& out, TransformContext& context) const {
  const LinearTarget product = target(out);
  context.ops().linear(with_forms(x, forms_for(*this), context), {&product, 1});
}

StackLinear::StackLinear(std::shared_ptr<const WeightStack> weight, WeightVector bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {
  if (bias_ && bias_.size() != matrices() * outputs()) {
    throw InvalidArgument("a bias of {} elements for {} matrices of {} rows", bias_.size(),
                          matrices(), outputs());
  }
}

Tensor StackLinear::bias() const {
  return bias_ ? bias_.tensor().reshaped({matrices(), outputs()}) : Tensor();
}

StackTarget StackLinear::target(const Tensor& out) const { return {weight_.get(), bias(), out}; }

GatedTarget gated(GateActivation activation, const Linear& gate, const Linear& up,
                  const Activations& out) {
  return {gate.weight_.get(), gate.bias_.tensor(), up.weight_.get(),
          up.bias_.tensor(),  activation,          out};
}

GatedStackTarget gated(GateActivation activation, const StackLinear& gate, const StackLinear& up,
                       const Activations& out) {
  return {gate.weight_.get(), gate.bias(), up.weight_.get(), up.bias(), activation, out};
}

Activations make_activations(Arena& arena, const Backend& backend, std::int64_t rows,
                             std::int64_t columns, ActivationForms forms) {
  Activations out;
  if (forms.f32) out.f32 = arena.tensor(DType::kF32, {rows, columns});
  if (forms.q8) {
    out.q8 =
        arena.tensor(DType::kU8, {rows, static_cast<std::int64_t>(backend.q8_row_bytes(columns))});
  }
  if (forms.q8 && forms.fine != FineBlocks::kNone) {
    const auto bytes = static_cast<std::int64_t>(backend.fine_row_bytes(columns, forms.fine));
    out.fine = arena.tensor(DType::kU8, {rows, bytes});
  }
  return out;
}

Activations with_forms(const Activations& x, ActivationForms forms, TransformContext& context) {
  SIROCCO_CHECK(!forms.f32 || x.f32);
  if (!forms.q8) return x;
  if (forms.fine == FineBlocks::kNone && x.q8) return {.f32 = x.f32, .q8 = x.q8};
  if (x.fine) {
    if (!x.f32) return x;
    const auto bytes = context.ops().fine_row_bytes(x.f32.columns(), forms.fine);
    if (x.fine.columns() == static_cast<std::int64_t>(bytes)) return x;
  }
  SIROCCO_CHECK(x.f32);
  Activations out = make_activations(context.scratch(), context.ops(), x.f32.rows(),
                                     x.f32.columns(), {.q8 = true, .fine = forms.fine});
  context.ops().quantize(x.f32, out.q8, out.fine);
  out.f32 = x.f32;
  return out;
}

}  // namespace sirocco
