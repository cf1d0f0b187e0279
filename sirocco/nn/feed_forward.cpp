#include "sirocco/nn/feed_forward.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Mlp::Mlp(GateActivation activation, Linear gate, Linear up, Linear down)
    : activation_(activation), gate_(std::move(gate)), up_(std::move(up)), down_(std::move(down)) {
  if (gate_.outputs() != up_.outputs() || gate_.outputs() != down_.inputs() ||
      gate_.inputs() != up_.inputs()) {
    throw InvalidArgument(
        "feed-forward: gate is [{}, {}], up [{}, {}], down [{}, {}]; they don't fit one another",
        gate_.outputs(), gate_.inputs(), up_.outputs(), up_.inputs(), down_.outputs(),
        down_.inputs());
  }
}

Tensor Mlp::forward(const Activations& x, TransformContext& context) const {
  const auto [gate, up] = project<2>(x, {&gate_, &up_}, context);
  Activations inner;

  if (down_.wants_q8()) {
    inner = make_activations(context.scratch(), context.ops(), gate.rows(), down_.inputs(),
                             {.q8 = true});
  } else {
    inner.f32 = gate;
  }
  context.ops().gate(activation_, gate, up, inner);
  return down_.forward(inner, context);
}

static_assert(FeedForward<Mlp>);

}  // namespace sirocco
