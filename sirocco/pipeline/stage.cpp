#include "sirocco/pipeline/stage.hpp"

namespace sirocco {

void send(const Hidden& hidden, TransformContext& context, SentHidden& out) {
  const Tensor& values = hidden.values();
  const std::span<const float> floats = context.ops().read(values);
  out.rows = values.rows();
  out.width = values.columns();
  out.values.assign(floats.begin(), floats.end());
}

Hidden receive(const SentHidden& sent, TransformContext& context) {
  SIROCCO_CHECK(sent.rows == context.rows());
  const Tensor values = context.ops().upload(context.held(), sent.values, {sent.rows, sent.width});
  return Hidden(context, {.f32 = values, .q8 = {}});
}

}  // namespace sirocco
