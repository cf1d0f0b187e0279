#include "sirocco/nn/feed_forward.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Mlp::Mlp(GateActivation activation, Linear gate, Linear up, Linear down)
    : activation_(Gate{activation, std::move(gate).with_fine(FineBlocks::kOne)}),
      up_(std::move(up).with_fine(FineBlocks::kOne)),
      down_(std::move(down)) {
  const Linear& own_gate = std::get<Gate>(activation_).linear;
  if (own_gate.outputs() != up_.outputs() || own_gate.outputs() != down_.inputs() ||
      own_gate.inputs() != up_.inputs()) {
    throw InvalidArgument(
        "feed-forward: gate is [{}, {}], up [{}, {}], down [{}, {}]; they don't fit one another",
        own_gate.outputs(), own_gate.inputs(), up_.outputs(), up_.inputs(), down_.outputs(),
        down_.inputs());
  }
}

Mlp::Mlp(PlainActivation activation, Linear up, Linear down)
    : activation_(activation),
      up_(std::move(up).with_fine(FineBlocks::kOne)),
      down_(std::move(down)) {
  if (up_.outputs() != down_.inputs()) {
    throw InvalidArgument("feed-forward: up is [{}, {}], down [{}, {}]; they don't fit one another",
                          up_.outputs(), up_.inputs(), down_.outputs(), down_.inputs());
  }
}

ActivationForms Mlp::input_forms() const {
  const Gate* gate = std::get_if<Gate>(&activation_);
  return gate == nullptr ? forms_for(up_) : forms_for(gate->linear) | forms_for(up_);
}

std::int64_t Mlp::products() const {
  const Gate* gate = std::get_if<Gate>(&activation_);
  return (gate == nullptr ? 0 : gate->linear.products()) + up_.products() + down_.products();
}

Tensor Mlp::forward(const Activations& x, TransformContext& context) const {
  if (const Gate* gate = std::get_if<Gate>(&activation_)) {
    return down_.forward(
        Linear::gated(x, gate->activation, gate->linear, up_, forms_for(down_), context), context);
  }
  const Tensor up = up_.forward(x, context);
  // What is activated makes room for the result, unless that is quantized.
  Activations inner{.f32 = up, .q8 = {}};
  if (down_.wants_q8()) {
    inner = make_activations(context.scratch(), context.ops(), up.rows(), down_.inputs(),
                             forms_for(down_));
  }
  context.ops().activate(std::get<PlainActivation>(activation_), up, Out(inner));
  return down_.forward(inner, context);
}

static_assert(FeedForward<Mlp>);

}  // namespace sirocco
