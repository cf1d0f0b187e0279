#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sirocco/models/model.hpp"

namespace sirocco {

/// A TextEncoder is a model that reads texts for another one, such as one that draws: T5's encoder,
/// or CLIP's. It keeps nothing from step to step. Immutable, and safe to share.
class TextEncoder {
 public:
  /// Loads all of its layers. Throws UnsupportedError for a model that keeps what it has read in a
  /// cache, as those do that write, and what builders throw.
  explicit TextEncoder(ModelBuilder& builder);

  const ModelInfo& info() const { return info_; }

  /// The rows of the step's tokens that the context's `outputs` name, behind the final norm: f32
  /// [R, D]. Sequences are whole, from position 0 on.
  Hidden encode(const TokenBatch& tokens, TransformContext& context) const {
    return transform(embed(tokens, context), LayerIndex(0), LayerIndex(info_.layers), context);
  }

  // The same in parts, for steps that would take too long as one.

  /// All rows before the first layer, f32 [T, D].
  Hidden embed(const TokenBatch& tokens, TransformContext& context) const {
    return embed_.embed(tokens, context);
  }
  /// All rows behind the layers [begin, end), f32 [T, D]; where the last layer is among them, what
  /// `encode` gives.
  Hidden transform(Hidden hidden, LayerIndex begin, LayerIndex end,
                   TransformContext& context) const;

 private:
  ModelInfo info_;
  AnyEmbed embed_;
  std::vector<AnyBlocks> layers_;
};

static_assert(EncodesText<TextEncoder> && Embeds<TextEncoder>);

}  // namespace sirocco
