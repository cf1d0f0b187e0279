#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/layer_schedule.hpp"
#include "sirocco/nn/norms.hpp"

namespace sirocco {

/// The token table of a model: [V, D]. The rows may be scaled (Gemma), a learned vector for each
/// position [P, D] added (GPT-2), and the sum with the first token type's be normalized (BERT).
class TokenEmbedding {
 public:
  explicit TokenEmbedding(std::shared_ptr<const WeightMatrix> table, float scale = 1.0f)
      : table_(std::move(table)), scale_(scale) {}
  TokenEmbedding with_types(std::shared_ptr<const WeightMatrix> types) &&;
  TokenEmbedding with_positions(std::shared_ptr<const WeightMatrix> positions) &&;
  TokenEmbedding with_norm(LayerNorm norm) &&;

  /// Positions lie within the table of positions.
  Hidden embed(const TokenBatch& tokens, TransformContext& context) const;

 private:
  std::shared_ptr<const WeightMatrix> table_;
  float scale_;
  std::shared_ptr<const WeightMatrix> types_;
  std::shared_ptr<const WeightMatrix> positions_;
  std::optional<LayerNorm> norm_;
};

/// What stands behind the last layer.
struct NoNorm {};
using FinalNorm = std::variant<NoNorm, RmsNorm, LayerNorm>;

/// The rows of `x` that the context's outputs name, normalized: f32 [R, D], held for the step.
Tensor normalized_outputs(const Tensor& x, const FinalNorm& norm, TransformContext& context);

/// A run of a model's layers and, with the last one, its final norm.
template <class... Blocks>
class DecoderBlocks {
 public:
  DecoderBlocks(LayerSchedule<Blocks...> layers, std::optional<FinalNorm> final_norm)
      : layers_(std::move(layers)),
        layout_(layers_.cache_layout()),
        final_norm_(std::move(final_norm)) {}

  Hidden transform(Hidden hidden, TransformContext& context) const {
    layers_.forward(hidden.values(), context);
    if (!final_norm_) return hidden;
    return Hidden(context,
                  {.f32 = normalized_outputs(hidden.values(), *final_norm_, context), .q8 = {}});
  }
  const CacheLayout& cache_layout() const { return layout_; }

 private:
  LayerSchedule<Blocks...> layers_;
  CacheLayout layout_;
  std::optional<FinalNorm> final_norm_;
};

/// The vocabulary head: a projection, and a soft cap where the model has one (Gemma 2).
class VocabularyHead {
 public:
  explicit VocabularyHead(Linear projection, float logit_cap = 0.0f)
      : projection_(std::move(projection)), logit_cap_(logit_cap) {}
  Logits lm_head(const Hidden& hidden, TransformContext& context) const;

 private:
  Linear projection_;
  float logit_cap_;
};

/// The names that decoders share in GGUF files: token_embd, blk.N.…, output_norm, output.
std::string layer_name(LayerIndex layer, std::string_view ingredient);

}  // namespace sirocco
