#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/row_outcomes.hpp"
#include "sirocco/pipeline/sharded_logits.hpp"
#include "sirocco/pipeline/staged_step.hpp"
#include "sirocco/pipeline/stages_behind.hpp"
#include "sirocco/pipeline/step_frames.hpp"

namespace sirocco {

/// A text model where it runs: whole on one device, or a stage each on several, which work at the
/// same time: while one has a step, the one before it has the next. Steps go through all stages in
/// the order of their submission.
class TextStages {
 public:
  explicit TextStages(PlacedStage<Whole> whole) : stages_(std::move(whole)) {}
  TextStages(PlacedStage<Head> head, std::unique_ptr<StagesBehind> behind)
      : stages_(Chain{std::move(head), std::move(behind)}) {}
  /// The tail has the other part of the vocabulary's head.
  TextStages(PlacedStage<ShardedHead> head, std::unique_ptr<StagesBehind> behind)
      : stages_(Chain{std::move(head), std::move(behind)}) {}

  /// How many stages there are.
  int size() const;
  std::vector<StagePlacement> placement() const;
  /// The embedding and all blocks, where one stage has them.
  std::optional<Head> embedding_parts() const;
  /// Of each stage; valid as long as the stages.
  std::vector<const CacheLayout*> layouts() const;
  std::vector<CacheRoom> rooms() const;
  /// Makes the memory of the caches and sets the stages to work. Throws ResourceExhausted.
  void start(const CachePools& pools, std::shared_ptr<const PipelineLimits> limits,
             const PipelineHooks& hooks);

  /// How long what is known of a sequence at the tail is of use.
  enum class Sequences : std::uint8_t {
    kOfStep,  ///< in this step only: the same number may be another sequence's in the next
    kLast,    ///< until `finish`
  };
  /// Begins a step; what comes of it is in `outcome` when it was waited for. Both are borrowed
  /// until then. Throws what backends throw where a whole model fails, PeerLost; the caches are
  /// then as the step's commands left them.
  void submit(const StagedStep& step, Sequences sequences, StepOutcome& outcome);
  /// Waits for the oldest step that was submitted. Throws what a stage threw, the head among them,
  /// which concerns this step alone; and PeerLost, after which no step succeeds: a stage is gone,
  /// or sent what can't be.
  void wait();
  /// The sequence is over.
  void finish(SequenceId sequence);

 private:
  struct Chain {
    std::variant<PlacedStage<Head>, PlacedStage<ShardedHead>> head;
    std::unique_ptr<StagesBehind> behind;
    StepWriter writer = {};
    SentHidden hidden = {};
    std::optional<ShardedLogits> logits = {};  // where the vocabulary's head is shared out
  };
  struct Flight {
    std::uint64_t number;
    const StagedStep* step;
    StepOutcome* outcome;
    double head_seconds;  // that the head stage's part took so far
  };
  void run_whole(PlacedStage<Whole>& whole, const StagedStep& step, StepOutcome& outcome);
  void submit_to(Chain& chain, const StagedStep& step, Sequences sequences, StepOutcome& outcome);
  /// What comes of a step, if not the error in its place. Throws PeerLost.
  std::exception_ptr take(Chain& chain, Flight& flight);
  /// The next frame that isn't a report. Throws PeerLost for what isn't of the tail and the step.
  Frame receive(Chain& chain, const Flight& flight);
  /// The same where the vocabulary's head is shared out.
  std::exception_ptr take_shards(Chain& chain, Flight& flight);
  /// Throws the loss, and has every later step throw it.
  [[noreturn]] void lose(Chain& chain, const PeerLost& loss);
  Frame run_head(Chain& chain, const StagedStep& step, std::uint64_t number);
  void tell(const StagedStep& step, double seconds);

  std::variant<PlacedStage<Whole>, Chain> stages_;
  std::shared_ptr<const PipelineLimits> limits_;
  const PipelineHooks* hooks_ = nullptr;
  std::optional<RowOutcomes> outcomes_;
  std::deque<Flight> flights_;  // the oldest first
  std::uint64_t next_step_ = 0;
  std::optional<PeerLost> lost_;
};

}  // namespace sirocco
