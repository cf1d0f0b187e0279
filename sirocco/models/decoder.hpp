#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "sirocco/models/weight_loader.hpp"
#include "sirocco/nn/layer_schedule.hpp"
#include "sirocco/nn/norms.hpp"

namespace sirocco {

/// A TokenEmbedding is the token table of a model: [V, D]. The rows may be scaled (Gemma), a
/// learned vector for each position [P, D] added (GPT-2), and the sum with the first token type's
/// be normalized (BERT). Rows that are given stand in for scaled ones; the rest is done to them
/// too.
class TokenEmbedding {
 public:
  explicit TokenEmbedding(std::shared_ptr<const WeightMatrix> table, float scale = 1.0f)
      : table_(std::move(table)), scale_(scale) {}
  TokenEmbedding with_types(std::shared_ptr<const WeightMatrix> types) &&;
  TokenEmbedding with_positions(std::shared_ptr<const WeightMatrix> positions) &&;
  TokenEmbedding with_norm(LayerNorm norm) &&;

  /// Positions lie within the table of positions. Given rows may be several times as wide as the
  /// model's: what is behind the first D is added behind the first layers, D each. Throws
  /// InvalidArgument when they are of another width.
  Hidden embed(const TokenBatch& batch, TransformContext& context) const;

 private:
  std::shared_ptr<const WeightMatrix> table_;
  float scale_;
  std::shared_ptr<const WeightMatrix> types_;
  std::shared_ptr<const WeightMatrix> positions_;
  std::optional<LayerNorm> norm_;
};

/// The rows of `x` that the context's outputs name: f32 [R, D], held for the step.
Tensor output_rows(const Tensor& x, TransformContext& context);

/// NoNorm is the final norm of a model that normalizes within its layers: nothing.
struct NoNorm {
  void apply(const Tensor& /*x*/, TransformContext& /*context*/) const {}
};

/// A LayerStack is a run of a model's layers and, with the last one, its final norm.
template <class FinalNorm, class... Blocks>
class LayerStack {
 public:
  LayerStack(LayerSchedule<Blocks...> layers, std::optional<FinalNorm> final_norm)
      : layers_(std::move(layers)),
        layout_(layers_.cache_layout()),
        final_norm_(std::move(final_norm)) {}

  Hidden transform(Hidden hidden, TransformContext& context) const {
    layers_.forward(hidden.values(), context,
                    [&](LayerIndex layer) { context.add_behind(layer, hidden.values()); });
    if (!final_norm_) return hidden;
    const Tensor rows = output_rows(hidden.values(), context);
    final_norm_->apply(rows, context);
    return Hidden(context, {.f32 = rows, .q8 = {}});
  }
  const CacheLayout& cache_layout() const { return layout_; }

 private:
  LayerSchedule<Blocks...> layers_;
  CacheLayout layout_;
  std::optional<FinalNorm> final_norm_;
};

/// A VocabularyHead is a projection, and a soft cap where the model has one (Gemma 2).
class VocabularyHead {
 public:
  explicit VocabularyHead(Linear projection, float logit_cap = 0.0f)
      : projection_(std::move(projection).with_fine(FineBlocks::kFew)), logit_cap_(logit_cap) {}
  Logits lm_head(const Hidden& hidden, TransformContext& context) const;

 private:
  friend class VocabularyHeadShard;
  Tensor scores(const Hidden& hidden, TransformContext& context) const;

  Linear projection_;
  float logit_cap_;
};

/// A VocabularyHeadShard is those rows of a VocabularyHead that a range of tokens has.
class VocabularyHeadShard {
 public:
  VocabularyHeadShard(VocabularyHead rows, VocabularyRange range)
      : rows_(std::move(rows)), range_(range) {}
  VocabularyRange vocabulary_range() const { return range_; }
  LogitsShard lm_head_shard(const Hidden& hidden, TransformContext& context) const {
    return LogitsShard(context, rows_.scores(hidden, context));
  }

 private:
  VocabularyHead rows_;
  VocabularyRange range_;
};

}  // namespace sirocco
