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

/// A PictureEncoder is a vision transformer with a projector behind it.
template <Projector P>
class PictureEncoder {
 public:
  /// Whether the rows that stand before those of patches reach the projector.
  enum class Rows { kOfPatches, kAll };

  PictureEncoder(EncoderInfo info, PatchEmbedding embedding, std::vector<VitBlock> layers,
                 std::optional<LayerNorm> norm, P projector, Rows rows)
      : info_(std::move(info)),
        embedding_(std::move(embedding)),
        layers_(std::move(layers)),
        norm_(std::move(norm)),
        projector_(std::move(projector)),
        rows_(rows) {}

  const EncoderInfo& info() const { return info_; }

  Hidden embed(const Tensor& patches, TransformContext& context) const {
    return embedding_.forward(patches, context);
  }

  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const {
    for (std::int32_t i = begin.value(); i < end.value(); ++i)
      layers_[static_cast<std::size_t>(i)].forward(hidden.values(), LayerIndex(i), context);
    return hidden;
  }

  Hidden project(Hidden hidden, TransformContext& context) const {
    if (norm_) norm_->apply(hidden.values(), context);
    Tensor out;
    {
      const Tensor rows = wanted_rows(hidden.values(), context);
      out = projector_.forward(rows, context);
    }
    return Hidden(context, {.f32 = out, .q8 = {}});
  }

  std::int64_t rows(PatchGrid grid) const {
    return projector_.projected(grid).patches() +
           (rows_ == Rows::kAll ? embedding_.rows_before() : 0);
  }

 private:
  Tensor wanted_rows(const Tensor& x, TransformContext& context) const;

  EncoderInfo info_;
  PatchEmbedding embedding_;
  std::vector<VitBlock> layers_;
  std::optional<LayerNorm> norm_;
  P projector_;
  Rows rows_;
};

}  // namespace sirocco
