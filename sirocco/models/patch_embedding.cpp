#include "sirocco/models/patch_embedding.hpp"

#include <algorithm>
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

void PatchEmbedding::forward(std::span<const float> patches, std::span<const std::int32_t> numbers,
                             const Tensor& x, TransformContext& context) const {
  Ops& ops = context.ops();
  const Arena::Scope scope(context.scratch());
  std::size_t before = 0;
  for (; before < numbers.size() && numbers[before] < 0; ++before) {
    const Tensor class_row = class_row_.tensor().reshaped({1, width()});
    ops.copy_columns(class_row, 0, width(), Out(x.slice_rows(static_cast<std::int64_t>(before), 1)),
                     0);
  }
  if (const std::span<const std::int32_t> wanted = numbers.subspan(before); !wanted.empty()) {
    const auto [least, most] = std::ranges::minmax(wanted);
    const std::int64_t inputs = patches_.inputs();
    const std::int64_t count = std::int64_t{most} - least + 1;
    // Patches of a window lie apart; there are few between them.
    Tensor read = ops.upload(context.scratch(),
                             patches.subspan(static_cast<std::size_t>(least * inputs),
                                             static_cast<std::size_t>(count * inputs)),
                             {count, inputs});
    if (!std::ranges::is_sorted(wanted) || count != std::ssize(wanted)) {
      std::vector<std::int32_t>& places = context.host_integers();
      for (const std::int32_t number : wanted) places.push_back(number - least);
      const Tensor at = ops.upload(context.scratch(), places, {std::ssize(places)});
      const Tensor ordered = context.scratch().tensor(DType::kF32, {std::ssize(wanted), inputs});
      ops.gather_rows(read, at, Out(ordered));
      read = ordered;
    }
    patches_.forward({.f32 = read, .q8 = {}},
                     Out(x.slice_rows(static_cast<std::int64_t>(before), std::ssize(wanted))),
                     context);
  }
  if (positions_) positions_->add_to(x, numbers, context);
  if (norm_) std::visit([&](const auto& norm) { norm.apply(x, context); }, *norm_);
}

}  // namespace sirocco
