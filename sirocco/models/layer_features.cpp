#include "sirocco/models/layer_features.hpp"

namespace sirocco {

Hidden LayerFeatures::begin(Hidden stream, TransformContext& context) const {
  if (layers_.empty()) return stream;
  const Tensor& x = stream.values();
  const Tensor all =
      context.held().tensor(DType::kF32, {(1 + std::ssize(layers_)) * x.rows(), x.columns()});
  context.ops().copy_columns(x, 0, x.columns(), Out(all.slice_rows(0, x.rows())), 0);
  Hidden out(context, {.f32 = all, .q8 = {}});
  keep(out, 0, context);
  return out;
}

void LayerFeatures::keep(const Hidden& stream, std::int32_t layers,
                         TransformContext& context) const {
  const std::int64_t rows = context.rows();
  const Tensor x = stream.values().slice_rows(0, rows);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i] != layers) continue;
    const auto first = static_cast<std::int64_t>(i + 1) * rows;
    context.ops().copy_columns(x, 0, x.columns(), Out(stream.values().slice_rows(first, rows)), 0);
  }
}

Tensor LayerFeatures::read(const Hidden& stream, TransformContext& context) const {
  if (layers_.empty()) return stream.values();
  const std::int64_t rows = context.rows();
  const std::int64_t width = stream.values().columns();
  const auto count = std::ssize(layers_);
  const Tensor out = context.scratch().tensor(DType::kF32, {rows, count * width});
  for (std::int64_t i = 0; i < count; ++i) {
    context.ops().copy_columns(stream.values().slice_rows((i + 1) * rows, rows), 0, width, Out(out),
                               i * width);
  }
  return out;
}

}  // namespace sirocco
