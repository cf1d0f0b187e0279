#include "sirocco/nn/feed_forward.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Mlp::Mlp(GateActivation activation, Linear gate, Linear up, Linear down)
    : activation_(activation), gate_(std::move(gate)), up_(std::move(up)), down_(std::move(down)) {
  if (gate_->outputs() != up_.outputs() || gate_->outputs() != down_.inputs() ||
      gate_->inputs() != up_.inputs()) {
    throw InvalidArgument(
        "feed-forward: gate is [{}, {}], up [{}, {}], down [{}, {}]; they don't fit one another",
        gate_->outputs(), gate_->inputs(), up_.outputs(), up_.inputs(), down_.outputs(),
        down_.inputs());
  }
}

Mlp::Mlp(GateActivation activation, Linear up, Linear down)
    : activation_(activation), up_(std::move(up)), down_(std::move(down)) {
  if (up_.outputs() != down_.inputs()) {
    throw InvalidArgument("feed-forward: up is [{}, {}], down [{}, {}]; they don't fit one another",
                          up_.outputs(), up_.inputs(), down_.outputs(), down_.inputs());
  }
}

Tensor Mlp::forward(const Activations& x, TransformContext& context) const {
  // What is activated makes room for the result, unless that is quantized.
  const auto inner_of = [&](const Tensor& activated) -> Activations {
    if (!down_.wants_q8()) return {.f32 = activated, .q8 = {}};
    return make_activations(context.scratch(), context.ops(), activated.rows(), down_.inputs(),
                            {.q8 = true});
  };
  if (gate_) {
    const auto [gate, up] = project<2>(x, {&*gate_, &up_}, context);
    const Activations inner = inner_of(gate);
    context.ops().gate(activation_, gate, up, inner);
    return down_.forward(inner, context);
  }
  const Tensor up = up_.forward(x, context);
  const Activations inner = inner_of(up);
  context.ops().activate(activation_, up, inner);
  return down_.forward(inner, context);
}

static_assert(FeedForward<Mlp>);

}  // namespace sirocco
