#include "sirocco/nn/feed_forward.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

Mlp::Mlp(GateActivation activation, Linear gate, Linear up, Linear down)
    : activation_(activation),
      gate_(std::move(gate).with_fine(FineBlocks::kOne)),
      up_(std::move(up).with_fine(FineBlocks::kOne)),
      down_(std::move(down)) {
  if (gate_->outputs() != up_.outputs() || gate_->outputs() != down_.inputs() ||
      gate_->inputs() != up_.inputs()) {
    throw InvalidArgument(
        "feed-forward: gate is [{}, {}], up [{}, {}], down [{}, {}]; they don't fit one another",
        gate_->outputs(), gate_->inputs(), up_.outputs(), up_.inputs(), down_.outputs(),
        down_.inputs());
  }
}

Mlp::Mlp(GateActivation activation, Linear up, Linear down)
    : activation_(activation),
      up_(std::move(up).with_fine(FineBlocks::kOne)),
      down_(std::move(down)) {
  if (up_.outputs() != down_.inputs()) {
    throw InvalidArgument("feed-forward: up is [{}, {}], down [{}, {}]; they don't fit one another",
                          up_.outputs(), up_.inputs(), down_.outputs(), down_.inputs());
  }
}

Tensor Mlp::forward(const Activations& x, TransformContext& context) const {
  Backend& ops = context.ops();
  if (gate_) {
    const Activations inner =
        make_activations(context.scratch(), ops, rows_of(x), down_.inputs(), forms_for(down_));
    ops.gated_linear(with_forms(x, input_forms(), context), gated(activation_, *gate_, up_, inner));
    return down_.forward(inner, context);
  }
  const Tensor up = up_.forward(x, context);
  // What is activated makes room for the result, unless that is quantized.
  Activations inner{.f32 = up, .q8 = {}};
  if (down_.wants_q8())
    inner = make_activations(context.scratch(), ops, up.rows(), down_.inputs(), forms_for(down_));
  ops.activate(activation_, up, inner);
  return down_.forward(inner, context);
}

static_assert(FeedForward<Mlp>);

}  // namespace sirocco
