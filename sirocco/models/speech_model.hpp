#pragma once

#include <memory>
#include <vector>

#include "sirocco/models/decoder.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/models/sound_encoder.hpp"
#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/cross_decoder_block.hpp"
#include "sirocco/nn/feed_forward.hpp"

/// Models that write what they hear: an encoder of sound, and a decoder that reads what that made.
/// (Radford et al. 2022)
namespace sirocco {

/// A SpeechConfig is the description of such a model. Encoder and decoder are equally wide.
struct SpeechConfig {
  struct Layers {
    std::int32_t count = 0;
    std::int32_t heads = 0;
    std::int32_t feed_forward = 0;
    std::int32_t positions = 0;  ///< rows of a window, or tokens of an answer with its prompt
  };
  std::int64_t width = 0;       ///< D
  std::int64_t vocabulary = 0;  ///< V
  std::int32_t bins = 0;        ///< bands of a log-mel frame
  Layers encoder;
  Layers decoder;

  /// Frames of a window; the encoder makes a row of two.
  std::int64_t window_frames() const { return 2 * std::int64_t{encoder.positions}; }
};

/// A SpeechDecoder makes scores of the next token out of tokens and of what was remembered of a
/// window. Sequences are at most as long as its table of positions. Immutable.
class SpeechDecoder {
 public:
  using Block = CrossDecoderBlock<LayerNorm, CausalAttention, Mlp>;

  SpeechDecoder(TokenEmbedding embedding, std::vector<Block> layers, LayerNorm norm,
                VocabularyHead head);

  /// The caches of both kinds of attention, as those of twice as many layers.
  const CacheLayout& cache_layout() const { return layout_; }

  /// Keeps what all layers read of rows of a window, at the positions of the context's rows.
  void remember(const Hidden& encoded, TransformContext& context) const;
  /// Products of two numbers that takes of a row.
  double remember_products() const;

  /// Every sequence of the step has a key length, the rows that were remembered of its window.
  Hidden embed(const TokenBatch& batch, TransformContext& context) const {
    return embedding_.embed(batch, context);
  }
  /// [T, D] to the rows of the context's outputs, normalized.
  Hidden transform(Hidden hidden, TransformContext& context) const;
  Logits lm_head(const Hidden& hidden, TransformContext& context) const {
    return head_.lm_head(hidden, context);
  }

 private:
  LayerIndex own(std::size_t layer) const { return LayerIndex(static_cast<std::int32_t>(layer)); }
  LayerIndex encoded(std::size_t layer) const {
    return LayerIndex(static_cast<std::int32_t>(layers_.size() + layer));
  }

  TokenEmbedding embedding_;
  std::vector<Block> layers_;
  CacheLayout layout_;
  LayerNorm norm_;
  VocabularyHead head_;
};

static_assert(Encodes<SpeechEncoder> && !Encodes<SpeechDecoder>);
static_assert(TransformerModel<SpeechDecoder> && !Embeds<SpeechEncoder>);

/// A SpeechModel is both, which share nothing but the window.
struct SpeechModel {
  ModelInfo info;
  SpeechConfig config;
  std::shared_ptr<const SpeechEncoder> encoder;
  std::shared_ptr<const SpeechDecoder> decoder;
};

}  // namespace sirocco
