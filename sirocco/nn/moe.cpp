#include "sirocco/nn/moe.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_size(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected) {
    throw InvalidArgument("mixture of experts: {} is {}, but the rest makes it {}", what, found,
                          expected);
  }
}

void check(const RouterSpec& spec, std::int64_t experts) {
  if (experts > RouterSpec::kMaxExperts) {
    throw InvalidArgument("mixture of experts: {} experts; at most {} are supported", experts,
                          RouterSpec::kMaxExperts);
  }
  const bool groups_fit = spec.groups >= 1 && experts % spec.groups == 0 &&
                          spec.groups_chosen >= 1 && spec.groups_chosen <= spec.groups &&
                          spec.group_best >= 1 && spec.group_best <= experts / spec.groups;
  if (!groups_fit) {
    throw InvalidArgument("mixture of experts: {} of {} groups can't be chosen among {} experts",
                          spec.groups_chosen, spec.groups, experts);
  }
  const std::int64_t open = experts / spec.groups * spec.groups_chosen;
  if (spec.chosen < 1 || spec.chosen > open) {
    throw InvalidArgument("mixture of experts: {} experts a token, of {} that can be chosen",
                          spec.chosen, open);
  }
}

/// The rows of `x` that `rows` names, in the forms that `forms` asks for.
Activations gathered(const Activations& x, const Tensor& rows, ActivationForms forms,
                     TransformContext& context) {
  const auto take = [&](const Tensor& from) {
    const Tensor out = context.scratch().tensor(from.dtype(), {rows.rows(), from.columns()});
    context.ops().gather_rows(from, rows, Out(out));
    return out;
  };
  const Activations all = with_forms(x, forms, context);
  return {.f32 = forms.f32 ? take(all.f32) : Tensor(),
          .q8 = forms.q8 ? take(all.q8) : Tensor(),
          .fine = all.fine ? take(all.fine) : Tensor()};
}

}  // namespace

MoE::MoE(const MoeConfig& config, Linear router, StackLinear gate, StackLinear up, StackLinear down)
    : config_(config),
      router_(std::move(router)),
      gate_(std::move(gate).with_fine(FineBlocks::kOne)),
      up_(std::move(up).with_fine(FineBlocks::kOne)),
      down_(std::move(down)) {
  const std::int64_t experts = router_.outputs();
  check(config_.router, experts);
  for (const StackLinear* linear : {&gate_, &up_, &down_})
    require_size("the number of experts", linear->matrices(), experts);
  require_size("the gate's input", gate_.inputs(), router_.inputs());
  require_size("the up projection's input", up_.inputs(), router_.inputs());
  require_size("the up projection's output", up_.outputs(), gate_.outputs());
  require_size("the down projection's input", down_.inputs(), gate_.outputs());
}

MoE MoE::with_selection_bias(WeightVector bias) && {
  require_size("the selection bias", bias.size(), router_.outputs());
  selection_bias_ = std::move(bias);
  return std::move(*this);
}

MoE MoE::with_shared(Mlp shared) && {
  shared_.emplace(std::move(shared));
  return std::move(*this);
}

ActivationForms MoE::input_forms() const {
  const ActivationForms own = forms_for(router_) | forms_for(gate_) | forms_for(up_);
  return shared_ ? own | shared_->input_forms() : own;
}

ExpertRows MoE::route(const Activations& x, TransformContext& context) const {
  Arena& scratch = context.scratch();
  const std::int64_t tokens = rows_of(x);
  const std::int64_t slots = config_.router.chosen;
  const ExpertRows rows{.weights = scratch.tensor(DType::kF32, {tokens, slots}),
                        .places = scratch.tensor(DType::kI32, {tokens, slots}),
                        .tokens = scratch.tensor(DType::kI32, {tokens * slots}),
                        .begin = scratch.tensor(DType::kI32, {router_.outputs() + 1})};
  const Tensor logits = router_.forward(x, context);
  context.ops().route(config_.router, Out(logits), selection_bias_.tensor(), Out(rows));
  return rows;
}

Tensor MoE::forward(const Activations& x, TransformContext& context) const {
  Ops& ops = context.ops();
  const Tensor out = context.scratch().tensor(DType::kF32, {rows_of(x), down_.outputs()});
  const Arena::Scope scope(context.scratch());
  const ExpertRows rows = route(x, context);
  const Activations input = gathered(x, rows.tokens, forms_for(gate_) | forms_for(up_), context);
  const Activations inner = StackLinear::gated_experts(input, rows, config_.activation, gate_, up_,
                                                       forms_for(down_), context);
  ops.combine_experts(down_.forward_experts(inner, rows, context), rows, Out(out));
  if (shared_) ops.add(Out(out), shared_->forward(x, context));
  return out;
}

static_assert(FeedForward<MoE>);

}  // namespace sirocco
