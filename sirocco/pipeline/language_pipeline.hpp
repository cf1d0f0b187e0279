#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/pipeline/step_results.hpp"

namespace sirocco {

struct LanguagePipelineOptions {
  /// Positions that a sequence may have; 0: what the model was trained for, or what fits into
  /// `cache_budget`. Never more than the cache holds.
  std::int32_t context = 0;
  std::uint64_t cache_budget = UINT64_MAX;  ///< bytes of cache that a context of 0 may come to
  /// Room for the positions of all sequences together; 0: one sequence of the whole context.
  std::int64_t cache_positions = 0;
  KvType kv_type = KvType::kF16;
  int block_positions = 32;
  int max_sequences = 16;
  int largest_step = 512;  ///< rows of a step
  BlockPool::Options blocks;
  ByteLedger* ledger = nullptr;
  PipelineHooks hooks;
};

/// Text models: from tokens to the next token. Several sequences advance in one step, each by a
/// prompt chunk or a token; for one backend the logits of a sequence are the same bits whatever
/// else is in the step, however its prompt is cut, and wherever the model is.
class LanguagePipeline final : public Pipeline {
 public:
  /// The whole model in one stage. `backend` outlives the pipeline. Throws InvalidArgument,
  /// UnsupportedError, ResourceExhausted.
  LanguagePipeline(ModelInfo info, Whole parts, Backend& backend, LanguagePipelineOptions options);
  /// A chain of stages, one backend a stage (or one for all).
  LanguagePipeline(ModelInfo info, StageChain stages, std::vector<Backend*> backends,
                   LanguagePipelineOptions options);
  ~LanguagePipeline() override;

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

  /// Told of each wanted row: which token of the input it belongs to, and its logits [V], valid
  /// during the call.
  using VisitLogits = FunctionRef<void(std::int64_t row, std::span<const float> logits)>;

  /// Runs one sequence through the model and shows the logits that predict what follows each of
  /// its tokens. `chunks` are the sizes of the steps, the last one repeating; empty: as large as
  /// they may be. The bits don't depend on it. Throws InvalidArgument for chunks below 1 or above
  /// the largest step, no tokens, or more than the context; ResourceExhausted when other sequences
  /// hold the room.
  void score(std::span<const TokenId> tokens, std::span<const int> chunks, VisitLogits visit);

  /// Positions written for a sequence.
  std::int32_t length(SequenceId sequence) const;
  /// Takes back the last positions of a sequence, as SequenceCache::truncate.
  void truncate(SequenceId sequence, std::int32_t length);
  /// A sequence with the past of another, as SequenceCache::fork; false when there is no room now.
  bool fork(SequenceId from, SequenceId to, std::int64_t positions);

  const CachePools& cache() const { return *pools_; }

 private:
  struct StageState;
  using Show = FunctionRef<void(std::size_t item, std::int64_t row, std::span<const float>)>;

  void finish_construction();
  void check(const StepBatch& batch);
  void run_step(const StepBatch& batch, Show show);
  void show_logits(const Logits& logits, Backend& backend, Show show) const;

  ModelInfo info_;
  LanguagePipelineOptions options_;
  std::variant<Stage<Whole>, StageChain> stages_;
  std::vector<std::unique_ptr<StageState>> states_;  // one a stage
  std::shared_ptr<CachePools> pools_;
  std::unordered_map<SequenceId, SequenceCache> sequences_;
  StepResults results_;
  SamplerScratch sampling_;
  // Of the step that runs, kept for their memory.
  StepRows rows_;
  std::vector<SequenceId> ids_;
  std::vector<TokenId> tokens_;
  std::vector<const SequenceCache*> caches_;
  StepCaches step_caches_;
  std::vector<std::pair<std::size_t, std::int64_t>> wanted_;  // an output row: its item and row
  SentHidden sent_;
};

/// Layers after which a model is cut: {10, 20} makes three stages of a model of 30. Empty: one
/// stage. Loads only what each stage holds. Throws InvalidArgument unless the cuts ascend and leave
/// every stage a layer, and what loading throws.
std::unique_ptr<LanguagePipeline> make_language_pipeline(ModelBuilder& builder, Backend& backend,
                                                         LanguagePipelineOptions options,
                                                         std::span<const LayerIndex> cuts = {});

}  // namespace sirocco
