#include "sirocco/nn/linear.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Tensor Linear::forward(const Activations& x, TransformContext& context) const {
  return project<1>(x, {this}, context)[0];
}

void Linear::forward(const Activations& x, const Out<Tensor>& out,
                     TransformContext& context) const {
  const LinearTarget target = into(out);
  context.products().linear(with_forms(x, forms_for(*this), context), {&target, 1});
}

void Linear::convolve(ConvolutionArgs args, TransformContext& context) const {
  args.weight = weight_.get();
  args.bias = bias_.tensor();
  context.picture_products().convolve(args);
}

Activations Linear::gated(const Activations& x, GateActivation activation, const Linear& gate,
                          const Linear& up, ActivationForms forms, TransformContext& context) {
  const Activations out =
      make_activations(context.scratch(), context.ops(), rows_of(x), gate.outputs(), forms);
  context.products().gated_linear(with_forms(x, forms_for(gate) | forms_for(up), context),
                                  {gate.weight_.get(), gate.bias_.tensor(), up.weight_.get(),
                                   up.bias_.tensor(), activation, Out(out)});
  return out;
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

Tensor StackLinear::forward_experts(const Activations& x, const ExpertRows& rows,
                                    TransformContext& context) const {
  const Tensor out = context.scratch().tensor(DType::kF32, {rows_of(x), outputs()});
  const StackTarget target = into(Out(out));
  context.products().expert_linear(with_forms(x, forms_for(*this), context), rows.begin,
                                   {&target, 1});
  return out;
}

Activations StackLinear::gated_experts(const Activations& x, const ExpertRows& rows,
                                       GateActivation activation, const StackLinear& gate,
                                       const StackLinear& up, ActivationForms forms,
                                       TransformContext& context) {
  const Activations out =
      make_activations(context.scratch(), context.ops(), rows_of(x), gate.outputs(), forms);
  context.products().gated_expert_linear(
      with_forms(x, forms_for(gate) | forms_for(up), context), rows.begin,
      {gate.weight_.get(), gate.bias(), up.weight_.get(), up.bias(), activation, Out(out)});
  return out;
}

void StackLinear::forward_heads(const Activations& x, const Out<Tensor>& out,
                                std::int64_t first_column, TransformContext& context) const {
  context.products().head_linear(with_forms(x, forms_for(*this), context), into(out), first_column);
}

Activations make_activations(Arena& arena, const Ops& ops, std::int64_t rows, std::int64_t columns,
                             ActivationForms forms) {
  Activations out;
  if (forms.f32) out.f32 = arena.tensor(DType::kF32, {rows, columns});
  if (forms.q8) {
    out.q8 = arena.tensor(DType::kU8, {rows, static_cast<std::int64_t>(ops.q8_row_bytes(columns))});
  }
  if (forms.q8 && forms.fine != FineBlocks::kNone) {
    const auto bytes = static_cast<std::int64_t>(ops.fine_row_bytes(columns, forms.fine));
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
  context.ops().quantize(x.f32, Out(out.q8), Out(out.fine));
  out.f32 = x.f32;
  return out;
}

}  // namespace sirocco
