#include "sirocco/nn/projectors.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_width(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected)
    throw InvalidArgument("projector: {} is {} wide, not {}", what, found, expected);
}

void require_side(std::int32_t side) {
  if (side < 1) throw InvalidArgument("projector: squares of {} patches a side", side);
}

}  // namespace

void append_squares(PatchGrid grid, std::int32_t side, RowRange squares,
                    std::vector<std::int32_t>& patches) {
  const std::int32_t across = grid.columns / side;
  for (std::int64_t square = squares.first; square < squares.end; ++square) {
    const auto row = static_cast<std::int32_t>(square / across) * side;
    const auto column = static_cast<std::int32_t>(square % across) * side;
    for (std::int32_t y = row; y < row + side; ++y)
      for (std::int32_t z = column; z < column + side; ++z) patches.push_back(y * grid.columns + z);
  }
}

MlpProjector::MlpProjector(Linear first, PlainActivation activation, Linear second)
    : first_(std::move(first)), activation_(activation), second_(std::move(second)) {
  require_width("what the second product reads", second_.inputs(), first_.outputs());
}

Tensor MlpProjector::forward(const Tensor& x, TransformContext& context) const {
  const Tensor inner = first_.forward({.f32 = x, .q8 = {}}, context);
  context.ops().activate(activation_, inner, Out(Activations{inner, {}}));
  return second_.forward({.f32 = inner, .q8 = {}}, context);
}

Tensor ClassProjector::forward(const Tensor& x, TransformContext& context) const {
  return projection_.forward({.f32 = x, .q8 = {}}, context);
}

ShuffleProjector::ShuffleProjector(std::int32_t side, Linear projection)
    : side_(side), projection_(std::move(projection)) {
  require_side(side);
}

Tensor ShuffleProjector::forward(const Tensor& x, TransformContext& context) const {
  const std::int64_t square = std::int64_t{side_} * side_;
  const Tensor shuffled = x.reshaped({x.rows() / square, x.columns() * square});
  return projection_.forward({.f32 = shuffled, .q8 = {}}, context);
}

PoolProjector::PoolProjector(std::int32_t side, RmsNorm norm, Linear projection)
    : side_(side), norm_(std::move(norm)), projection_(std::move(projection)) {
  require_side(side);
  require_width("what is normalized", norm_.width(), projection_.inputs());
}

Tensor PoolProjector::forward(const Tensor& x, TransformContext& context) const {
  const std::int32_t square = side_ * side_;
  const std::int64_t count = x.rows() / square;
  std::vector<std::int32_t>& begins = context.host_integers();
  for (std::int64_t i = 0; i <= count; ++i) begins.push_back(static_cast<std::int32_t>(i * square));
  const Tensor begin = context.ops().upload(context.scratch(), begins, {count + 1});
  const Tensor means = context.scratch().tensor(DType::kF32, {count, x.columns()});
  context.ops().mean_rows(x, begin, Out(means));
  return projection_.forward(norm_.forward(means, context), context);
}

MergeProjector::MergeProjector(std::int32_t side, MlpProjector mlp)
    : side_(side), mlp_(std::move(mlp)) {
  require_side(side);
}

MergeProjector MergeProjector::with_norm(LayerNorm norm) && {
  norm_.emplace(std::move(norm));
  return std::move(*this);
}

MergeProjector MergeProjector::with_merge(Linear merge) && {
  merge_.emplace(std::move(merge));
  return std::move(*this);
}

Tensor MergeProjector::forward(const Tensor& x, TransformContext& context) const {
  const std::int64_t square = std::int64_t{side_} * side_;
  const Tensor merged = x.reshaped({x.rows() / square, x.columns() * square});
  if (norm_) norm_->apply(merged, context);
  if (!merge_) return mlp_.forward(merged, context);
  return mlp_.forward(merge_->forward({.f32 = merged, .q8 = {}}, context), context);
}

DeepStackProjector::DeepStackProjector(LayerNorm norm, MergeProjector first,
                                       std::vector<MergeProjector> deep)
    : norm_(std::move(norm)), first_(std::move(first)), deep_(std::move(deep)) {
  for (const MergeProjector& each : deep_) {
    require_width("what is added behind a layer", each.outputs(), first_.outputs());
    if (each.projected({1 << 20, 1}) != first_.projected({1 << 20, 1}))
      throw InvalidArgument("projector: squares of different sizes");
  }
}

std::int64_t DeepStackProjector::products(PatchGrid grid) const {
  std::int64_t all = first_.products(grid);
  for (const MergeProjector& each : deep_) all += each.products(grid);
  return all;
}

Tensor DeepStackProjector::forward(const Tensor& x, TransformContext& context) const {
  const std::int64_t width = x.columns() / (1 + std::ssize(deep_));
  const std::int64_t outputs = first_.outputs();
  Ops& ops = context.ops();
  const auto part = [&](std::int64_t index) {
    const Tensor rows = context.scratch().tensor(DType::kF32, {x.rows(), width});
    ops.copy_columns(x, index * width, width, Out(rows), 0);
    return rows;
  };
  const Tensor stream = part(0);
  norm_.apply(stream, context);
  const Tensor first = first_.forward(stream, context);
  const Tensor out = context.held().tensor(DType::kF32, {first.rows(), this->outputs()});
  ops.copy_columns(first, 0, outputs, Out(out), 0);
  for (std::int64_t i = 0; i < std::ssize(deep_); ++i) {
    const Arena::Scope scope(context.scratch());
    const Tensor rows = deep_[static_cast<std::size_t>(i)].forward(part(i + 1), context);
    ops.copy_columns(rows, 0, outputs, Out(out), (i + 1) * outputs);
  }
  return out;
}

}  // namespace sirocco
