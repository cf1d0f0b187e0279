#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "sirocco/models/encoder.hpp"
#include "sirocco/models/patch_embedding.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/feed_forward.hpp"
#include "sirocco/nn/projectors.hpp"
#include "sirocco/nn/transformer_block.hpp"

namespace sirocco {

/// A VitBlock is a layer of CLIP's and SigLIP's vision transformers. (Dosovitskiy et al. 2021)
using VitBlock = TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;
extern template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

/// A PictureEncoder is a vision transformer with a projector behind it, which reads the rows behind
/// the last layer or, side by side, those behind several. While these are on their way, the
/// residual stream has so many times its rows more: [(1 + features) · T, K].
template <Projector P>
class PictureEncoder {
 public:
  /// Whether the rows that stand before those of patches reach the projector.
  enum class Rows { kOfPatches, kAll };

  /// `features` are numbers of layers, behind each of which rows are wanted, 0 being before the
  /// first one; none: behind the last.
  PictureEncoder(EncoderInfo info, PatchEmbedding embedding, std::vector<VitBlock> layers,
                 std::vector<std::int32_t> features, std::optional<LayerNorm> norm, P projector,
                 Rows rows)
      : info_(std::move(info)),
        embedding_(std::move(embedding)),
        layers_(std::move(layers)),
        features_(std::move(features)),
        norm_(std::move(norm)),
        projector_(std::move(projector)),
        rows_(rows) {}

  const EncoderInfo& info() const { return info_; }

  Hidden embed(const Tensor& patches, TransformContext& context) const {
    Hidden stream = embedding_.forward(patches, context);
    if (features_.empty()) return stream;
    const Tensor& x = stream.values();
    const auto copies = 1 + std::ssize(features_);
    const Tensor all = context.held().tensor(DType::kF32, {copies * x.rows(), x.columns()});
    context.ops().copy_columns(x, 0, x.columns(), Out(all.slice_rows(0, x.rows())), 0);
    Hidden out(context, {.f32 = all, .q8 = {}});
    keep_features(out, 0, context);
    return out;
  }

  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    const Tensor x = hidden.values().slice_rows(0, context.rows());
    for (std::int32_t i = begin.value(); i < end.value(); ++i) {
      layers_[static_cast<std::size_t>(i)].forward(x, LayerIndex(i), context);
      keep_features(hidden, i + 1, context);
    }
    return hidden;
  }

  Hidden project(Hidden hidden, TransformContext& context) const {
    const Tensor x = features(hidden, context);
    if (norm_) norm_->apply(x, context);
    return Hidden(context, {.f32 = projector_.forward(wanted_rows(x, context), context), .q8 = {}});
  }

  std::int64_t rows(PatchGrid grid) const {
    return projector_.projected(grid).patches() +
           (rows_ == Rows::kAll ? embedding_.rows_before() : 0);
  }

 private:
  /// Keeps the rows of the stream where those behind that many layers are wanted.
  void keep_features(const Hidden& stream, std::int32_t layers, TransformContext& context) const;
  /// What the projector reads, of all rows: f32 [T, K] or [T, features · K].
  Tensor features(const Hidden& stream, TransformContext& context) const;
  Tensor wanted_rows(const Tensor& x, TransformContext& context) const;

  EncoderInfo info_;
  PatchEmbedding embedding_;
  std::vector<VitBlock> layers_;
  std::vector<std::int32_t> features_;
  std::optional<LayerNorm> norm_;
  P projector_;
  Rows rows_;
};

}  // namespace sirocco
