#include "sirocco/pipeline/stage.hpp"

namespace sirocco {

void send(const Hidden& hidden, TransformContext& context, SentHidden& out) {
  const Tensor& values = hidden.values();
  const std::span<const float> floats = context.ops().read(values);
  out.rows = values.rows();
  out.width = values.columns();
  out.values.assign(floats.begin(), floats.end());
}

namespace {

Hidden uploaded(const SentHidden& sent, TransformContext& context) {
  const Tensor values = context.ops().upload(context.held(), sent.values, {sent.rows, sent.width});
  return Hidden(context, {.f32 = values, .q8 = {}});
}

}  // namespace

Hidden receive(const SentHidden& sent, TransformContext& context) {
  SIROCCO_CHECK(sent.rows == context.rows());
  return uploaded(sent, context);
}

Hidden receive_outputs(const SentHidden& sent, TransformContext& context) {
  SIROCCO_CHECK(sent.rows == context.outputs().rows());
  return uploaded(sent, context);
}

}  // namespace sirocco
