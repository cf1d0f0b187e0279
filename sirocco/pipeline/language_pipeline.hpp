#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/language_pipeline_options.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/remote_stages.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/text_stages.hpp"
#include "sirocco/pipeline/text_step.hpp"
#include "sirocco/pipeline/text_work.hpp"

namespace sirocco {

/// Text models: from tokens, and embeddings in place of some, to the next token. Several sequences
/// advance in one step, each by a prompt chunk or a token; for one backend the logits of a sequence
/// are the same bits whatever else is in the step, however its prompt is cut, whatever was found in
/// the prefix cache, and wherever the model is.
///
/// An engine runs jobs on it. Who wants the steps themselves, for logits or to choose what they are
/// made of, leases caches and calls `step`.
class LanguagePipeline final : public Pipeline {
 public:
  using Job = TextJob;
  using Terms = TextTerms;
  using CheckedJob = CheckedTextJob;
  using Work = TextWork;
  using Event = TextEvent;

  /// Throws InvalidArgument, UnsupportedError, ResourceExhausted.
  LanguagePipeline(ModelInfo info, TextStages stages, LanguagePipelineOptions options);
  ~LanguagePipeline() override;

  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override { return stages_.placement(); }
  std::shared_ptr<const PipelineLimits> limits() const override { return limits_; }
  CacheStatus cache_status() const override { return pools_->status(); }
  /// What an EmbeddingPipeline over the same weights holds; nothing where stages share them out.
  std::optional<Head> embedding_parts() const { return stages_.embedding_parts(); }

  static CheckedTextJob check(const PipelineLimits& limits, TextJob job) {
    return CheckedTextJob(limits, std::move(job));
  }
  std::optional<TextWork> begin(CheckedTextJob& job);
  Ticket submit(std::span<const Share<TextWork>> shares);
  double wait(Ticket ticket);

  /// Room for a sequence of `max_length` positions, which neither finds nor leaves prefixes;
  /// nothing when there isn't so much now. Throws InvalidArgument for more than the context,
  /// ResourceExhausted for more than the cache holds.
  std::optional<SequenceCache> lease(std::int32_t max_length);
  /// Begins a step, of `max_steps_in_flight` that there may be, whose items live until it was
  /// waited for. Throws InvalidArgument for no items, rows that the model can't take or that others
  /// see which aren't there, or more rows than there is room for in a sequence or a step; nothing
  /// has happened then.
  Ticket submit(std::span<const TextItem> items);
  /// What came of the step that began first, in the order of its items; valid until the next call.
  std::span<const TextOutcome> wait_for_items(Ticket ticket);
  /// The same at once.
  std::span<const TextOutcome> step(std::span<const TextItem> items) {
    return wait_for_items(submit(items));
  }
  std::span<const TextOutcome> step(std::initializer_list<TextItem> items) {
    return step(std::span(items.begin(), items.size()));
  }

  /// Told of each wanted row: its number in the input, and its logits [V], valid during the call.
  using VisitLogits = FunctionRef<void(std::int64_t row, std::span<const float> logits)>;

  /// Runs one sequence through the model and shows the logits that predict what follows each of
  /// its rows. `chunks` are the sizes of the steps, the last one repeating, as far as they cut no
  /// rows that see each other; empty: as large as they may be. The bits don't depend on it. Throws
  /// InvalidArgument for chunks below 1 or above the largest step, no rows, ones that the model
  /// can't take, or more than the context; ResourceExhausted when other sequences hold the room.
  void score(TextRows rows, std::span<const int> chunks, VisitLogits visit);

  const CachePools& cache() const { return *pools_; }
  CachePools& cache() { return *pools_; }

 private:
  /// All that belongs to one step. Kept from step to step, so that like steps allocate nothing.
  struct Step {
    std::vector<Share<TextWork>> shares;
    std::vector<std::size_t> share_items;  // how many of the items are each one's
    std::vector<TextItem> items;
    std::vector<const SequenceCache*> caches;
    std::vector<ContentId> contents;
    StagedStep staged;
    StepOutcome outcome;
    std::vector<TextOutcome> outcomes;
    std::vector<ChosenTokens> scores;  // of each item
    std::uint64_t number = 0;
    double began = 0;
  };

  class Scoring;

  void check(std::span<const TextItem> items) const;
  /// Rows as a length. Throws InvalidArgument for none, and for more than the context.
  std::int32_t length_of(std::int64_t rows) const;
  /// Extends the caches and lists the rows.
  void put_together(Step& step);
  /// A step with nothing in it.
  std::unique_ptr<Step> empty_step();
  /// Begins a step whose items are listed.
  Ticket begin(std::unique_ptr<Step> step, TextStages::Sequences sequences);
  /// Waits for the step that began first.
  std::unique_ptr<Step> end(Ticket ticket);
  /// Hands what came of the rows to the items that wanted them.
  void sort_outcomes(Step& step);

  ModelInfo info_;
  LanguagePipelineOptions options_;
  TextStages stages_;
  std::shared_ptr<CachePools> pools_;
  std::shared_ptr<const PipelineLimits> limits_;
  std::shared_ptr<int> running_;                  // works that there are
  std::vector<std::unique_ptr<Step>> submitted_;  // and not yet waited for, the oldest first
  std::vector<std::unique_ptr<Step>> spare_;      // kept for their memory
  std::unique_ptr<Step> shown_;                   // whose outcomes were given away
  std::uint64_t next_ticket_ = 0;
  double last_ended_ = 0;                           // when the last step did
  std::shared_ptr<std::vector<SequenceId>> ended_;  // sequences that are over, not yet told
  std::uint64_t next_sequence_ = 1;
};

static_assert(RunsWork<LanguagePipeline>);

/// Layers after which a model is cut: {10, 20} makes three stages of a model of 30. Empty: one
/// stage. Loads only what each stage holds. No two stages share a backend; those behind the head
/// run on threads of their own. Throws InvalidArgument unless the cuts ascend and leave every stage
/// a layer, and what loading throws.
std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<const StagePlace> places,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts = {});
/// The same of the stages of a plan, in their order, one a place. Throws InvalidArgument unless
/// they make up the model.
std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         std::span<const StagePlace> places,
                                                         LanguagePipelineOptions options,
                                                         std::span<const PlannedStage> stages);
/// The head of a model, of which other processes hold the stages behind. All load their layers at
/// the same time. Throws what any of them throws.
std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options,
                                                         std::unique_ptr<RemoteStages> behind,
                                                         std::span<const PlannedStage> stages);
/// The same on one device, uncut.
std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder,
                                                         const StagePlace& place,
                                                         LanguagePipelineOptions options);

}  // namespace sirocco
