#include "sirocco/models/layer_features.hpp"

namespace sirocco {

void LayerFeatures::keep(const EncoderStream& stream, std::int32_t layers,
                         TransformContext& context) const {
  const std::int64_t first = context.host_rows().sequences.front().first().value();
  const Tensor x = stream.rows.slice_rows(first, context.rows());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i] != layers) continue;
    const std::int64_t below = static_cast<std::int64_t>(i + 1) * stream.count() + first;
    context.ops().copy_columns(x, 0, x.columns(),
                               Out(stream.values.slice_rows(below, context.rows())), 0);
  }
}

Tensor LayerFeatures::read(const EncoderStream& stream, std::span<const std::int32_t> rows,
                           TransformContext& context) const {
  Ops& ops = context.ops();
  const auto count = std::ssize(rows);
  const std::int64_t width = stream.rows.columns();
  const Tensor wanted = ops.upload(context.scratch(), rows, {count});
  const auto gathered = [&](const Tensor& from) {
    const Tensor out = context.scratch().tensor(DType::kF32, {count, width});
    ops.gather_rows(from, wanted, Out(out));
    return out;
  };
  if (layers_.empty()) return gathered(stream.rows);
  const Tensor out = context.scratch().tensor(DType::kF32, {count, kept() * width});
  for (std::int64_t i = 0; i < kept(); ++i) {
    const Arena::Scope scope(context.scratch());
    const Tensor from = stream.values.slice_rows((i + 1) * stream.count(), stream.count());
    ops.copy_columns(gathered(from), 0, width, Out(out), i * width);
  }
  return out;
}

}  // namespace sirocco
