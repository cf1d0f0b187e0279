#include "sirocco/nn/row_projectors.hpp"

#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_width(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected)
    throw InvalidArgument("projector: {} is {} wide, not {}", what, found, expected);
}

void require_count(std::int32_t count) {
  if (count < 1) throw InvalidArgument("projector: {} rows that become one", count);
}

}  // namespace

MeanProjector::MeanProjector(std::int32_t count, LayerNorm norm, Linear projection)
    : count_(count), norm_(std::move(norm)), projection_(std::move(projection)) {
  require_count(count);
  require_width("what is normalized", norm_.width(), projection_.inputs());
}

Tensor MeanProjector::forward(const Tensor& x, TransformContext& context) const {
  const std::int64_t means = x.rows() / count_;
  std::vector<std::int32_t>& begins = context.host_integers();
  for (std::int64_t i = 0; i <= means; ++i) begins.push_back(static_cast<std::int32_t>(i * count_));
  const Tensor begin = context.ops().upload(context.scratch(), begins, {means + 1});
  const Tensor out = context.scratch().tensor(DType::kF32, {means, x.columns()});
  context.ops().mean_rows(x, begin, Out(out));
  return projection_.forward(norm_.forward(out, context), context);
}

SwigluProjector::SwigluProjector(RmsNorm before, Linear gate, Linear up, Linear second)
    : before_(std::move(before)),
      gate_(std::move(gate)),
      up_(std::move(up)),
      second_(std::move(second)) {
  require_width("what is normalized", before_.width(), gate_.inputs());
  require_width("what the gate's counterpart reads", up_.inputs(), gate_.inputs());
  require_width("what the gate's counterpart makes", up_.outputs(), gate_.outputs());
  require_width("what the second product reads", second_.inputs(), gate_.outputs());
}

SwigluProjector SwigluProjector::with_middle(RmsNorm norm) && {
  require_width("the norm in the middle", norm.width(), second_.inputs());
  middle_.emplace(std::move(norm));
  return std::move(*this);
}

SwigluProjector SwigluProjector::with_end(RmsNorm norm) && {
  require_width("the norm at the end", norm.width(), second_.outputs());
  end_.emplace(std::move(norm));
  return std::move(*this);
}

Tensor SwigluProjector::forward(const Tensor& x, TransformContext& context) const {
  const Activations inner = Linear::gated(before_.forward(x, context), GateActivation::kSilu, gate_,
                                          up_, {.f32 = true}, context);
  if (middle_) middle_->apply(inner.f32, context);
  const Tensor out = second_.forward(inner, context);
  if (end_) end_->apply(out, context);
  return out;
}

template <class P>
StackProjector<P>::StackProjector(std::int32_t count, P projector)
    : count_(count), projector_(std::move(projector)) {
  require_count(count);
  if (projector_.inputs() % count != 0) {
    throw InvalidArgument("projector: {} rows side by side can't be {} wide", count,
                          projector_.inputs());
  }
}

template <class P>
Tensor StackProjector<P>::forward(const Tensor& x, TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t width = x.columns();
  require_width("what is put side by side", width * count_, projector_.inputs());
  const std::int64_t made = projected(x.rows());
  Tensor rows = x;
  if (const std::int64_t missing = made * count_ - x.rows(); missing > 0) {
    rows = context.scratch().tensor(DType::kF32, {made * count_, width});
    const std::vector<float> zeros(static_cast<std::size_t>(missing * width));
    ops.copy_columns(x, 0, width, Out(rows.slice_rows(0, x.rows())), 0);
    ops.copy_columns(ops.upload(context.scratch(), zeros, {missing, width}), 0, width,
                     Out(rows.slice_rows(x.rows(), missing)), 0);
  }
  return projector_.forward(rows.reshaped({made, count_ * width}), context);
}

template class StackProjector<MlpProjector>;
template class StackProjector<SwigluProjector>;

}  // namespace sirocco
