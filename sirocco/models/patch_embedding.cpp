#include "sirocco/models/patch_embedding.hpp"

#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {

PatchEmbedding PatchEmbedding::with_class_row(WeightVector row) && {
  if (row.size() != width())
    throw InvalidArgument("a class token of {} for patches of {}", row.size(), width());
  class_row_ = std::move(row);
  return std::move(*this);
}

PatchEmbedding PatchEmbedding::with_positions(PatchPositions positions) && {
  if (positions.width() != width() || positions.rows_before() != rows_before()) {
    throw InvalidArgument(
        "positions of {}, of them {} before those of patches, for patches of {} behind {} rows",
        positions.width(), positions.rows_before(), width(), rows_before());
  }
  positions_.emplace(std::move(positions));
  return std::move(*this);
}

PatchEmbedding PatchEmbedding::with_norm(AnyNorm norm) && {
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
  if (positions_) positions_->add_to(x, context);
  if (norm_) std::visit([&](const auto& norm) { norm.apply(x, context); }, *norm_);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

Tensor PatchEmbedding::without_rows_before(const Tensor& x, TransformContext& context) const {
  if (rows_before() == 0) return x;
  std::vector<std::int32_t>& rows = context.host_integers();
  std::int32_t row = 0;
  for (const SequenceRows& s : context.host_rows().sequences) {
    const auto end = row + static_cast<std::int32_t>(s.rows());
    for (row += rows_before(); row < end; ++row) rows.push_back(row);
  }
  const Tensor wanted = context.ops().upload(context.scratch(), rows, {std::ssize(rows)});
  const Tensor out = context.scratch().tensor(DType::kF32, {std::ssize(rows), x.columns()});
  context.ops().gather_rows(x, wanted, Out(out));
  return out;
}

}  // namespace sirocco
