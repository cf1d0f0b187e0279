#include "sirocco/models/patch_positions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// The learned rows or columns on both sides of one of a grid, and how much of each it is.
struct Between {
  std::array<std::int32_t, 2> at;
  std::array<float, 2> share;
};
std::vector<Between> between(std::int32_t count, std::int32_t side) {
  std::vector<Between> out;
  for (std::int32_t i = 0; i < count; ++i) {
    const float along = static_cast<float>(i) * static_cast<float>(side - 1) /
                        static_cast<float>(std::max(count - 1, 1));
    const float before = std::floor(along);
    const auto at = static_cast<std::int32_t>(before);
    out.push_back({{at, std::min(at + 1, side - 1)}, {1.0f - (along - before), along - before}});
  }
  return out;
}

}  // namespace

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

PatchPositions::PatchPositions(std::shared_ptr<const WeightMatrix> table, std::int32_t grid_side,
                               PatchPlaces places)
    : table_(std::move(table)),
      grid_side_(grid_side),
      rows_before_(static_cast<std::int32_t>(table_->rows() - std::int64_t{grid_side} * grid_side)),
      rule_(places) {
  if (rows_before_ < 0 || (rule_ == PatchPlaces::kInterpolated && rows_before_ > 0)) {
    throw InvalidArgument("{} positions of patches for a grid of {} a side", table_->rows(),
                          grid_side);
  }
}

std::vector<std::int32_t> PatchPositions::places_of(std::int32_t count) const {
  if (rule_ == PatchPlaces::kFraction) return fraction_places(count, grid_side_);
  std::vector<std::int32_t> own(static_cast<std::size_t>(count));
  std::iota(own.begin(), own.end(), 0);
  return own;
}

void PatchPositions::add_interpolated(const Tensor& x, std::span<const std::int32_t> numbers,
                                      PatchGrid grid, TransformContext& context) const {
  constexpr std::int64_t kAround = 4;
  constexpr std::int64_t kAtOnce = 64;  // so that four times their vectors are in memory
  Ops& ops = context.ops();
  const std::vector<Between> across = between(grid.columns, grid_side_);
  const std::vector<Between> down = between(grid.rows, grid_side_);
  for (std::int64_t first = 0; first < x.rows(); first += kAtOnce) {
    const Arena::Scope scope(context.scratch());
    const std::int64_t count = std::min(kAtOnce, x.rows() - first);
    std::vector<std::int32_t>& at = context.host_integers();
    std::vector<float> shares;
    for (const std::int32_t number :
         numbers.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))) {
      const Between& row = down[static_cast<std::size_t>(number / grid.columns)];
      const Between& column = across[static_cast<std::size_t>(number % grid.columns)];
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t j = 0; j < 2; ++j) {
          at.push_back(row.at[i] * grid_side_ + column.at[j]);
          shares.push_back(row.share[i] * column.share[j]);
        }
      }
    }
    const Tensor ids = ops.upload(context.scratch(), at, {std::ssize(at)});
    const Tensor learned = context.scratch().tensor(DType::kF32, {std::ssize(at), width()});
    ops.embed(*table_, ids, 1.0f, Out(learned));
    std::iota(at.begin(), at.end(), 0);
    const Tensor sum = context.scratch().tensor(DType::kF32, {count, width()});
    ops.combine_experts(learned,
                        {.weights = ops.upload(context.scratch(), shares, {count, kAround}),
                         .places = ops.upload(context.scratch(), at, {count, kAround}),
                         .tokens = {},
                         .begin = {}},
                        Out(sum));
    ops.add(Out(x.slice_rows(first, count)), sum);
  }
}

void PatchPositions::add_to(const Tensor& x, std::span<const std::int32_t> numbers,
                            TransformContext& context) const {
  const PatchGrid grid = context.host_rows().sequences.front().grid();
  if (rule_ == PatchPlaces::kInterpolated) return add_interpolated(x, numbers, grid, context);
  if (rule_ == PatchPlaces::kOwn && grid != PatchGrid{grid_side_, grid_side_}) {
    throw InvalidArgument("a picture of {} x {} patches for an encoder of {} x {}", grid.columns,
                          grid.rows, grid_side_, grid_side_);
  }
  const Arena::Scope scope(context.scratch());
  const std::vector<std::int32_t> across = places_of(grid.columns);
  const std::vector<std::int32_t> down = places_of(grid.rows);
  std::vector<std::int32_t>& places = context.host_integers();
  for (const std::int32_t number : numbers) {
    const std::int32_t place =
        number < 0 ? number
                   : down[static_cast<std::size_t>(number / grid.columns)] * grid_side_ +
                         across[static_cast<std::size_t>(number % grid.columns)];
    places.push_back(rows_before_ + place);
  }
  const Tensor at = context.ops().upload(context.scratch(), places, {x.rows()});
  const Tensor learned = context.scratch().tensor(DType::kF32, {x.rows(), width()});
  context.ops().embed(*table_, at, 1.0f, Out(learned));
  context.ops().add(Out(x), learned);
}

}  // namespace sirocco
