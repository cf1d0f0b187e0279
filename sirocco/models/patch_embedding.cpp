#include "sirocco/models/patch_embedding.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

PatchEmbedding::PatchEmbedding(Linear patches, WeightVector class_row,
                               std::shared_ptr<const WeightMatrix> positions,
                               std::int32_t grid_side)
    : patches_(std::move(patches)),
      class_row_(std::move(class_row)),
      positions_(std::move(positions)),
      grid_side_(grid_side) {
  const std::int64_t places = rows_before() + std::int64_t{grid_side} * grid_side;
  if (positions_->rows() != places || positions_->columns() != width() ||
      (class_row_ && class_row_.size() != width())) {
    throw InvalidArgument(
        "patch embedding: {} x {} positions and a class token of {} for a grid of {} a side and "
        "rows of {}",
        positions_->rows(), positions_->columns(), class_row_.size(), grid_side, width());
  }
}

PatchEmbedding PatchEmbedding::with_norm(LayerNorm norm) && {
  norm_.emplace(std::move(norm));
  return std::move(*this);
}

Hidden PatchEmbedding::forward(const Tensor& patches, TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t count = context.rows();
  const Tensor x = context.held().tensor(DType::kF32, {count, width()});
  {
    const Arena::Scope scope(context.scratch());
    std::int64_t row = 0;    // of x
    std::int64_t patch = 0;  // of the patches
    for (const SequenceRows& s : context.host_rows().sequences) {
      SIROCCO_CHECK(s.rows() == rows_before() + s.grid().patches());
      if (class_row_) {
        const Tensor class_row = class_row_.tensor().reshaped({1, width()});
        ops.copy_columns(class_row, 0, width(), Out(x.slice_rows(row, 1)), 0);
      }
      const std::int64_t here = s.grid().patches();
      patches_.forward({.f32 = patches.slice_rows(patch, here), .q8 = {}},
                       Out(x.slice_rows(row + rows_before(), here)), context);
      patch += here;
      row += s.rows();
    }
    SIROCCO_CHECK(row == count && patch == patches.rows());
  }
  const Arena::Scope scope(context.scratch());
  std::vector<std::int32_t>& places = context.host_integers();
  for (const SequenceRows& s : context.host_rows().sequences) {
    if (class_row_) places.push_back(0);
    const auto along = [&](std::int64_t i, std::int64_t of) {
      return static_cast<std::int32_t>(i * grid_side_ / of);
    };
    for (std::int32_t r = 0; r < s.grid().rows; ++r) {
      for (std::int32_t c = 0; c < s.grid().columns; ++c)
        places.push_back(rows_before() + along(r, s.grid().rows) * grid_side_ +
                         along(c, s.grid().columns));
    }
  }
  const Tensor at = ops.upload(context.scratch(), places, {count});
  const Tensor learned = context.scratch().tensor(DType::kF32, {count, width()});
  ops.embed(*positions_, at, 1.0f, Out(learned));
  ops.add(Out(x), learned);
  if (norm_) norm_->apply(x, context);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

}  // namespace sirocco
