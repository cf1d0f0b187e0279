#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "sirocco/models/encoder.hpp"
#include "sirocco/models/frame_embedding.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/row_projectors.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

extern template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

/// A SoundEncoder is the encoder of Whisper, whose layers see all rows of a window, with a
/// projector behind it. Immutable. (Radford et al. 2022)
template <RowProjector P>
class SoundEncoder {
 public:
  using Block = TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

  /// `norm` stands before the projector, where that has none of its own.
  SoundEncoder(SoundEncoderInfo info, FrameEmbedding embedding, std::vector<Block> layers,
               std::optional<LayerNorm> norm, P projector)
      : info_(std::move(info)),
        embedding_(std::move(embedding)),
        layers_(std::move(layers)),
        norm_(std::move(norm)),
        projector_(std::move(projector)) {}

  const SoundEncoderInfo& info() const { return info_; }

  Hidden encode(const Tensor& frames, TransformContext& context) const {
    return project(
        transform(embed(frames, context), LayerIndex(0), LayerIndex(info_.layers), context),
        context);
  }

  /// As FrameEmbedding::forward.
  Hidden embed(const Tensor& frames, TransformContext& context) const {
    return embedding_.forward(frames, context);
  }

  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    for (std::int32_t i = begin.value(); i < end.value(); ++i)
      layers_[static_cast<std::size_t>(i)].forward(hidden.values(), LayerIndex(i), context);
    return hidden;
  }

  Hidden project(Hidden hidden, TransformContext& context) const {
    const Tensor& x = hidden.values();
    if (norm_) norm_->apply(x, context);
    return Hidden(context, {.f32 = projector_.forward(x, context), .q8 = {}});
  }

  SequenceRows sequence(SequenceId id, WindowExtent window) const {
    return {id, Position(0), window.rows};
  }
  std::int64_t rows(WindowExtent window) const { return projector_.projected(window.rows); }
  double products(WindowExtent window, LayerIndex /*layer*/) const {
    const double rows = window.rows;
    // Scores and what they weigh: two products for each element of a head and pair of rows.
    return rows * (static_cast<double>(info_.layer_products) +
                   2 * rows * static_cast<double>(info_.attention_width));
  }

 private:
  SoundEncoderInfo info_;
  FrameEmbedding embedding_;
  std::vector<Block> layers_;
  std::optional<LayerNorm> norm_;
  P projector_;
};

/// A SpeechEncoder is Whisper's own, whose rows its decoder reads.
using SpeechEncoder = SoundEncoder<UnchangedRows>;

static_assert(EncodesByLayers<SpeechEncoder>);

}  // namespace sirocco
