#pragma once

#include <optional>
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

  Hidden encode(const Tensor& patches, TransformContext& context) const {
    return project(
        transform(embed(patches, context), LayerIndex(0), LayerIndex(info_.layers), context),
        context);
  }

  Hidden embed(const Tensor& patches, TransformContext& context) const {
    Hidden stream = embedding_.forward(patches, context);
    if (options_.windows) {
      const Tensor x = options_.windows->ordered(stream.values(), context);
      stream = Hidden(context, {.f32 = x, .q8 = {}});
    }
    return options_.features.begin(std::move(stream), context);
  }

  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    layers_.forward(
        hidden.values().slice_rows(0, context.rows()), begin, end, context,
        [&](LayerIndex layer) { options_.features.keep(hidden, layer.value() + 1, context); });
    return hidden;
  }

  Hidden project(Hidden hidden, TransformContext& context) const {
    Tensor x = options_.features.read(hidden, context);
    if (options_.norm) options_.norm->apply(x, context);
    if (options_.windows) x = options_.windows->restored(x, context);
    if (!options_.keeps_rows_before) x = embedding_.without_rows_before(x, context);
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
    constexpr bool kReadsThem = requires { P::kReadsRowsBefore; };
    const bool makes_rows = options_.keeps_rows_before && !kReadsThem;
    return projected(grid).patches() + (makes_rows ? embedding_.rows_before() : 0);
  }

  double products(PatchGrid grid, LayerIndex layer) const {
    const auto rows = static_cast<double>(embedding_.rows_before() + grid.patches());
    const double seen = options_.windows && options_.windows->apply_in(layer)
                            ? static_cast<double>(options_.windows->largest(grid))
                            : rows;
    // Scores and what they weigh: two products for each element of a head and pair of rows.
    return rows * (static_cast<double>(info_.layer_products) +
                   2 * seen * static_cast<double>(info_.attention_width));
  }

 private:
  PictureEncoderInfo info_;
  PatchEmbedding embedding_;
  LayerSchedule<Blocks...> layers_;
  P projector_;
  PictureOptions<FinalNorm> options_;
};

}  // namespace sirocco
