#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/models/encoder.hpp"
#include "sirocco/models/layer_features.hpp"
#include "sirocco/models/patch_embedding.hpp"
#include "sirocco/models/patch_windows.hpp"
#include "sirocco/nn/layer_schedule.hpp"

namespace sirocco {

/// PictureOptions are what encoders of pictures have or have not.
template <class FinalNorm>
struct PictureOptions {
  LayerFeatures features = LayerFeatures();  ///< what the projector reads
  std::optional<FinalNorm> norm = {};        ///< of it
  bool keeps_rows_before = false;            ///< whether rows before those of patches reach it
  bool rotates = false;                      ///< whether attention turns by row and column
  std::optional<PatchWindows> windows = {};  ///< without rows before those of patches
};

/// A PictureEncoder is a vision transformer with a projector behind it.
template <class FinalNorm, Projector P, class... Blocks>
class PictureEncoder {
 public:
  PictureEncoder(PictureEncoderInfo info, PatchEmbedding embedding, LayerSchedule<Blocks...> layers,
                 P projector, PictureOptions<FinalNorm> options)
      : info_(std::move(info)),
        embedding_(std::move(embedding)),
        layers_(std::move(layers)),
        projector_(std::move(projector)),
        options_(std::move(options)) {}

  const PictureEncoderInfo& info() const { return info_; }

  EncoderStream stream(std::int64_t rows, Arena& arena) const {
    return {rows, embedding_.width(), options_.features.kept(), arena};
  }

  void embed(std::span<const float> patches, EncoderStream& stream,
             TransformContext& context) const {
    const SequenceRows& part = context.host_rows().sequences.front();
    std::vector<std::int32_t> numbers;
    const std::vector<std::int32_t> order = order_of(part.grid());
    for (std::int32_t row = part.first().value(), i = 0; i < part.rows(); ++i, ++row) {
      const std::int32_t number = row - embedding_.rows_before();
      numbers.push_back(order.empty() || number < 0 ? number
                                                    : order[static_cast<std::size_t>(number)]);
    }
    embedding_.forward(patches, numbers, rows_of(stream, context), context);
    options_.features.keep(stream, 0, context);
  }

  void remember(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    layers_.visit(layer, [&](const auto& block) {
      block.remember(rows_of(stream, context), stream.memory, context);
    });
  }
  void forward(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    layers_.visit(layer, [&](const auto& block) {
      block.forward(rows_of(stream, context), stream.memory, context);
    });
    options_.features.keep(stream, layer.value() + 1, context);
  }

  Hidden project(EncoderStream& stream, RowRange made, TransformContext& context) const {
    const PatchGrid grid = context.host_rows().sequences.front().grid();
    // The patches, and rows before them by numbers below 0; then where they stand in the stream.
    std::vector<std::int32_t> rows;
    const std::int32_t before = makes_rows_before() ? embedding_.rows_before() : 0;
    for (; made.first < std::min<std::int64_t>(made.end, before); ++made.first)
      rows.push_back(static_cast<std::int32_t>(made.first) - before);
    if (made.count() > 0) projector_.reads(grid, {made.first - before, made.end - before}, rows);
    std::vector<std::int32_t> places(options_.windows ? rows_of_grid(grid) : 0);
    std::int32_t place = 0;
    for (const std::int32_t patch : order_of(grid))
      places[static_cast<std::size_t>(patch)] = place++;
    for (std::int32_t& row : rows) {
      if (row >= 0 && options_.windows) row = places[static_cast<std::size_t>(row)];
      row += embedding_.rows_before();
    }
    const Tensor x = options_.features.read(stream, rows, context);
    if (options_.norm) options_.norm->apply(x, context);
    return Hidden(context, {.f32 = projector_.forward(x, context), .q8 = {}});
  }

  SequenceRows sequence(SequenceId id, PatchGrid grid) const {
    SequenceRows rows =
        SequenceRows(id, Position(0), embedding_.rows_before() + grid.patches()).with_grid(grid);
    if (options_.windows) rows = std::move(rows).with_windows(options_.windows->sizes(grid));
    if (!options_.rotates) return rows;
    return std::move(rows).with_rotary(options_.windows ? options_.windows->places(grid)
                                                        : places_of_patches(grid));
  }

  PatchGrid projected(PatchGrid grid) const { return projector_.projected(grid); }
  std::int64_t rows(PatchGrid grid) const {
    return projected(grid).patches() + (makes_rows_before() ? embedding_.rows_before() : 0);
  }

  EncoderCosts costs(PatchGrid grid) const {
    const std::int64_t rows = embedding_.rows_before() + grid.patches();
    EncoderCosts out{.embed = static_cast<double>(embedding_.products()),
                     .remember = static_cast<double>(info_.key_products),
                     .project = static_cast<double>(projector_.products(grid))};
    for (std::int32_t layer = 0; layer < info_.layers; ++layer) {
      const bool windowed = options_.windows && options_.windows->apply_in(LayerIndex(layer));
      out.forward.push_back(
          info_.forward_products(windowed ? options_.windows->largest(grid) : rows));
    }
    return out;
  }

 private:
  bool makes_rows_before() const {
    constexpr bool kReadsThem = requires { P::kReadsRowsBefore; };
    return options_.keeps_rows_before && !kReadsThem;
  }
  static std::size_t rows_of_grid(PatchGrid grid) {
    return static_cast<std::size_t>(grid.patches());
  }
  /// The patches in the order of rows; empty where that is their own.
  std::vector<std::int32_t> order_of(PatchGrid grid) const {
    return options_.windows ? options_.windows->order(grid) : std::vector<std::int32_t>();
  }
  /// The context's rows of the residual stream.
  static Tensor rows_of(const EncoderStream& stream, const TransformContext& context) {
    const Position first = context.host_rows().sequences.front().first();
    return stream.rows.slice_rows(first.value(), context.rows());
  }

  PictureEncoderInfo info_;
  PatchEmbedding embedding_;
  LayerSchedule<Blocks...> layers_;
  P projector_;
  PictureOptions<FinalNorm> options_;
};

}  // namespace sirocco
