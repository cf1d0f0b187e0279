#pragma once

#include <optional>
#include <span>
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

  EncoderStream stream(std::int64_t rows, Arena& arena) const {
    return {rows, embedding_.width(), 0, arena};
  }

  /// As FrameEmbedding::forward.
  void embed(std::span<const float> frames, EncoderStream& stream,
             TransformContext& context) const {
    embedding_.forward(frames, rows_of(stream, context), context);
  }

  void remember(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    block(layer).remember(rows_of(stream, context), stream.memory, context);
  }
  void forward(EncoderStream& stream, LayerIndex layer, TransformContext& context) const {
    block(layer).forward(rows_of(stream, context), stream.memory, context);
  }

  Hidden project(EncoderStream& stream, RowRange made, TransformContext& context) const {
    const RowRange read = projector_.reads(made, stream.count());
    const Tensor rows = stream.rows.slice_rows(read.first, read.count());
    const Tensor x = context.scratch().tensor(DType::kF32, {read.count(), rows.columns()});
    context.ops().copy_columns(rows, 0, rows.columns(), Out(x), 0);
    if (norm_) norm_->apply(x, context);
    return Hidden(context, {.f32 = projector_.forward(x, context), .q8 = {}});
  }

  SequenceRows sequence(SequenceId id, WindowExtent window) const {
    return {id, Position(0), window.rows};
  }
  std::int64_t rows(WindowExtent window) const { return projector_.projected(window.rows); }
  EncoderCosts costs(WindowExtent window) const {
    return {static_cast<double>(embedding_.products()), static_cast<double>(info_.key_products),
            std::vector(layers_.size(), info_.forward_products(window.rows)),
            static_cast<double>(projector_.products())};
  }

 private:
  const Block& block(LayerIndex layer) const {
    return layers_[static_cast<std::size_t>(layer.value())];
  }
  /// The context's rows of the residual stream.
  static Tensor rows_of(const EncoderStream& stream, const TransformContext& context) {
    const Position first = context.host_rows().sequences.front().first();
    return stream.rows.slice_rows(first.value(), context.rows());
  }

  SoundEncoderInfo info_;
  FrameEmbedding embedding_;
  std::vector<Block> layers_;
  std::optional<LayerNorm> norm_;
  P projector_;
};

/// A SpeechEncoder is Whisper's own, whose rows its decoder reads.
using SpeechEncoder = SoundEncoder<UnchangedRows>;

static_assert(Encodes<SpeechEncoder>);

}  // namespace sirocco
