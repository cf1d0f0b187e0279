#include "sirocco/models/patch_embedding.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

PatchEmbedding::PatchEmbedding(Linear patches, WeightVector class_row,
                               std::shared_ptr<const WeightMatrix> positions,
                               std::int32_t grid_side, PatchPlaces places)
    : patches_(std::move(patches)),
      class_row_(std::move(class_row)),
      positions_(std::move(positions)),
      grid_side_(grid_side),
      rule_(places) {
  const std::int64_t wanted = rows_before() + std::int64_t{grid_side} * grid_side;
  if (positions_->rows() != wanted || positions_->columns() != width() ||
      (class_row_ && class_row_.size() != width())) {
    throw InvalidArgument(
        "patch embedding: {} x {} positions and a class token of {} for a grid of {} a side and "
        "rows of {}",
        positions_->rows(), positions_->columns(), class_row_.size(), grid_side, width());
  }
}

std::vector<std::int32_t> fraction_places(std::int32_t count, std::int32_t side) {
  // The bounds between learned places are steps of 1 / side up to 1. What computes them for
  // transformers does so 16 at a time, in two halves each from a float on, and what is left one by
  // one from the beginning.
  const double step = 1.0 / side;
  const auto bounds = static_cast<std::int64_t>(std::ceil((1.0 - step) / step));
  std::vector<float> bound;
  for (std::int64_t i = 0; i < bounds; ++i) {
    constexpr std::int64_t kBlock = 16;
    constexpr std::int64_t kHalf = 8;
    const bool in_block = i / kBlock < bounds / kBlock;
    const auto at = [&](std::int64_t index) {
      return static_cast<float>(step + step * static_cast<double>(index));
    };
    const std::int64_t first = i / kHalf * kHalf;
    bound.push_back(
        in_block ? static_cast<float>(double{at(first)} + step * static_cast<double>(i - first))
                 : at(i));
  }
  std::vector<std::int32_t> out;
  const float each = 1.0f / static_cast<float>(count);
  for (std::int32_t i = 0; i < count; ++i) {
    const float along = std::min(static_cast<float>(i) * each, static_cast<float>(1.0 - 1e-6));
    out.push_back(
        static_cast<std::int32_t>(std::ranges::upper_bound(bound, along) - bound.begin()));
  }
  return out;
}

std::vector<std::int32_t> PatchEmbedding::places_of(std::int32_t count) const {
  if (rule_ == PatchPlaces::kFraction) return fraction_places(count, grid_side_);
  std::vector<std::int32_t> own(static_cast<std::size_t>(count));
  std::iota(own.begin(), own.end(), 0);
  return own;
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
    const PatchGrid& grid = s.grid();
    if (rule_ == PatchPlaces::kOwn && grid != PatchGrid{grid_side_, grid_side_}) {
      throw InvalidArgument("a picture of {} x {} patches for an encoder of {} x {}", grid.columns,
                            grid.rows, grid_side_, grid_side_);
    }
    const std::vector<std::int32_t> across = places_of(grid.columns);
    for (const std::int32_t row : places_of(grid.rows))
      for (const std::int32_t column : across)
        places.push_back(rows_before() + row * grid_side_ + column);
  }
  const Tensor at = ops.upload(context.scratch(), places, {count});
  const Tensor learned = context.scratch().tensor(DType::kF32, {count, width()});
  ops.embed(*positions_, at, 1.0f, Out(learned));
  ops.add(Out(x), learned);
  if (norm_) norm_->apply(x, context);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

}  // namespace sirocco
