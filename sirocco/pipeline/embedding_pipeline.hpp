#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/pipeline/step_results.hpp"

namespace sirocco {

struct EmbeddingPipelineOptions {
  /// Positions that a sequence may have; 0: what the model was trained for, or what one step may
  /// hold, whichever is less. A sequence is never cut, so this may be the whole of a step.
  std::int32_t context = 0;
  int max_sequences = 256;
  int largest_step = 8192;                        ///< rows of a step
  std::optional<Pooling> pooling = std::nullopt;  ///< without: as the checkpoint says
  /// To a length of 1; without: as the checkpoint says, and if that doesn't, so it is.
  std::optional<bool> normalize = std::nullopt;
  /// Leading elements that are kept, before they are normalized (Matryoshka embeddings, Kusupati
  /// et al. 2022); 0: all.
  std::int64_t dimensions = 0;
  KvType kv_type = KvType::kF16;  ///< of models whose rows see only what came before
  ByteLedger* ledger = nullptr;
  PipelineHooks hooks = {};
};

/// Models of text whose result is one vector a sequence: through the layers, pooled, projected, cut
/// to `dimensions` and normalized. A sequence is one item of one step. Any EmbeddingModel will do:
/// the parts hold no vocabulary head, so that it can't be named here. For one backend the embedding
/// of a sequence is the same bits whatever else is in the step.
class EmbeddingPipeline final : public Pipeline {
 public:
  /// `projections` are applied to the pooled row, in order. `backend` outlives the pipeline. Throws
  /// InvalidArgument for options that don't fit the model, ResourceExhausted.
  EmbeddingPipeline(ModelInfo info, Head parts, std::vector<Linear> projections, Backend& backend,
                    EmbeddingPipelineOptions options);
  ~EmbeddingPipeline() override;

  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override;
  std::int32_t context() const override { return options_.context; }
  int largest_step() const override { return options_.largest_step; }
  int max_sequences() const override { return options_.max_sequences; }
  bool admit(SequenceId sequence, std::int64_t positions) override;
  void check_admissible(std::int64_t positions) const override;
  void retire(SequenceId sequence) override;
  Ticket submit(const StepBatch& batch) override;
  const StepResult& wait(Ticket ticket) override { return results_.wait(ticket); }

  /// Elements of an embedding.
  std::int64_t width() const { return width_; }
  Pooling pooling() const { return pooling_; }

  /// The embeddings of many sequences, in their order, [N][width]. Steps take sequences of like
  /// lengths together, longest first. One without tokens has what the projections make of zeros, as
  /// in sentence-transformers, where nothing is left of it behind the mask. Throws InvalidArgument
  /// for a sequence that is longer than the context, or a token outside the vocabulary, and
  /// NotANumber, which names the text, for an embedding that isn't made of finite numbers.
  std::vector<std::vector<float>> embed(std::span<const std::vector<TokenId>> sequences);

 private:
  void check(const StepBatch& batch) const;
  void check_tokens(std::span<const TokenId> tokens) const;
  std::vector<std::vector<float>> run_step(std::span<const std::span<const TokenId>> sequences,
                                           std::span<const SequenceId> ids);
  Tensor pooled(const Hidden& hidden, TransformContext& context) const;
  Tensor projected(Tensor x, TransformContext& context) const;
  /// The embedding of a sequence without tokens.
  std::vector<float> embedding_of_nothing();
  /// Cuts and normalizes; nothing is left of one that isn't made of finite numbers.
  void finish(std::vector<float>& embedding) const;

  ModelInfo info_;
  EmbeddingPipelineOptions options_;
  Stage<Head> stage_;
  std::vector<Linear> projections_;
  Backend& backend_;
  Pooling pooling_;
  std::int64_t width_;
  std::shared_ptr<CachePools> pools_;  // of one step; without groups for a bidirectional model
  std::optional<CacheMemory> cache_;
  std::map<SequenceId, std::int64_t> admitted_;  // and how many positions
  StepResults results_;
  // Of the step that runs, kept for their memory.
  StepMemory memory_;
  StepCaches step_caches_;
  StepRows rows_;
  std::vector<TokenId> tokens_;
};

/// Loads what such a pipeline holds of a model; throws what loading throws besides.
std::unique_ptr<EmbeddingPipeline> make_embedding_pipeline(ModelBuilder& builder, Backend& backend,
                                                           EmbeddingPipelineOptions options);

}  // namespace sirocco
