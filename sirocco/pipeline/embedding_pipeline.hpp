#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/embedding_work.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/text_stages.hpp"

namespace sirocco {

struct EmbeddingPipelineOptions {
  /// Positions that a sequence may have; 0: what the model was trained for, or what one step may
  /// hold, whichever is less. A sequence is never cut, so this may be the whole of a step.
  std::int32_t context = 0;
  int max_sequences = 256;
  int max_step = 8192;                            ///< rows of a step
  std::optional<Pooling> pooling = std::nullopt;  ///< without: as the checkpoint says
  /// To a length of 1; without: as the checkpoint says, and if that doesn't, so it is.
  std::optional<bool> normalize = std::nullopt;
  /// Leading elements that are kept, before they are normalized (Matryoshka embeddings, Kusupati
  /// et al. 2022); 0: all.
  std::int64_t dimensions = 0;
  KvType kv_type = KvType::kF16;  ///< of models whose rows see only what came before
  PipelineHooks hooks = {};
};

/// Models of text whose result is one vector a sequence: through the layers, pooled, projected, cut
/// to `dimensions` and normalized. A sequence is whole in one step. Pictures, of models that have
/// an encoder for them beside their text part, go through it in parts and are then cut and
/// normalized as texts are. Any EmbeddingModel will do: the parts hold no vocabulary head, so that
/// it can't be named here. For one backend the embedding of a sequence is the same bits whatever
/// else is in the step.
class EmbeddingPipeline final : public Pipeline {
 public:
  using Job = EmbeddingJob;
  using Terms = EmbeddingTerms;
  using CheckedJob = CheckedEmbeddingJob;
  using Work = EmbeddingWork;
  using Event = EmbeddingEvent;

  /// `projections` are applied to the pooled row, in order. Throws InvalidArgument for options that
  /// don't fit the model, ResourceExhausted.
  EmbeddingPipeline(ModelInfo info, Head parts, std::vector<Linear> projections,
                    const StagePlace& place, EmbeddingPipelineOptions options);
  ~EmbeddingPipeline() override;

  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override;
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }

  static CheckedEmbeddingJob check(const PipelineLimits& limits, EmbeddingJob job) {
    return CheckedEmbeddingJob(limits, std::move(job));
  }
  std::optional<EmbeddingWork> begin(CheckedEmbeddingJob& job);
  Ticket submit(std::span<const Share<EmbeddingWork>> shares);
  double wait(Ticket ticket);

  /// The embeddings of sequences that are whole in one step, [N][width]; one that isn't made of
  /// finite numbers is left empty. Throws InvalidArgument for no sequences, or more of them or
  /// of their rows than a step may have.
  std::vector<EmbeddingEvent> step(std::span<const std::span<const TokenId>> sequences);

  /// Elements of an embedding.
  std::int64_t width() const { return width_; }
  Pooling pooling() const { return pooling_; }

 private:
  /// Elements of an embedding before it is cut.
  std::int64_t whole_width() const {
    return projections_.empty() ? info_.width : projections_.back().outputs();
  }
  /// Cuts and normalizes a vector; nothing is left of one that isn't made of finite numbers.
  void finish(EmbeddingEvent& embedding) const;
  /// What a part of a step does to a picture, and what came of it where that was the last.
  void encode(const Share<EmbeddingWork>& share);
  std::vector<EmbeddingEvent> run_step(std::span<const std::span<const TokenId>> sequences);
  Tensor pooled(const Hidden& hidden, TransformContext& context) const;
  Tensor projected(Tensor x, TransformContext& context) const;
  /// The embedding of a sequence without tokens.
  const EmbeddingEvent& embedding_of_nothing();
  ModelInfo info_;
  EmbeddingPipelineOptions options_;
  PlacedStage<Head> placed_;
  std::vector<Linear> projections_;
  Pooling pooling_;
  std::int64_t width_;
  std::shared_ptr<CachePools> pools_;  // of one step; without groups for a bidirectional model
  std::shared_ptr<const PipelineLimits> limits_;
  std::shared_ptr<int> running_;  // works that there are
  std::optional<EmbeddingEvent> of_nothing_;
  // Of the texts of the step that was submitted; the shares are gone when it was waited for.
  std::vector<EmbeddingWork*> texts_;
  std::vector<EmbeddingEvent> embeddings_;
  std::uint64_t steps_ = 0;
  double seconds_ = 0;
  StagedStep staged_;  // of the step that runs, kept for its memory
};

static_assert(RunsWork<EmbeddingPipeline>);

/// Loads what such a pipeline holds of a model; throws what loading throws besides.
std::unique_ptr<EmbeddingPipeline> make_embedding_pipeline(ModelBuilder& builder,
                                                           const StagePlace& place,
                                                           EmbeddingPipelineOptions options);

}  // namespace sirocco
