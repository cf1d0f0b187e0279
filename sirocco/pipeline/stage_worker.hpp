#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/step_frames.hpp"
#include "sirocco/transport/any_transport.hpp"

namespace sirocco {

/// A StageWorker runs one stage behind the head, on the thread that calls it: it takes its part of
/// every step, in order, runs its layers over what the stage before it sends, and sends on what
/// comes of it. What fails in a step is told in its place and concerns that step alone.
template <Transforms Role>
  requires(!Embeds<Role>)
class StageWorker {
 public:
  /// The memory of the stage's cache was made. `transport` outlives the worker.
  StageWorker(PlacedStage<Role>& stage, const PipelineLimits& limits, CacheShape shape,
              AnyTransport& transport);

  /// Works until the head shuts down. Throws PeerLost when another stage is gone, FormatError for a
  /// frame that can't be; the others have then lost this one.
  void run();

 private:
  static constexpr bool kChoosesTokens = HasLmHead<Role>;
  static constexpr bool kIsTail = kChoosesTokens || HasLmHeadShard<Role>;

  void serve();
  /// A step whose input is there.
  void take_step(const Frame& step, const Frame& input);
  /// What is sent on of the step; what comes before that was sent.
  Frame result(const Frame& input, const CacheViews& views);
  /// The rows that the last layer kept go to the head stage at once, the last of their scores are
  /// given back.
  Frame scores(const Hidden& outputs, TransformContext& context)
    requires HasLmHeadShard<Role>;

  PlacedStage<Role>& stage_;
  AnyTransport& transport_;
  std::int64_t width_;
  std::int64_t vocabulary_;
  StepReader reader_;
  RowOutcomes outcomes_;
  std::deque<Frame> steps_;   // and sequences that are over, in the order in which they came
  std::deque<Frame> inputs_;  // of the steps that wait for nothing else
  // Of the step that runs.
  ReceivedStep step_;
  SentHidden hidden_;
  std::uint64_t sent_ = 0;  // bytes of hidden states and logits
  StepOutcome outcome_;
};

extern template class StageWorker<Middle>;
extern template class StageWorker<Tail>;
extern template class StageWorker<ShardedTail>;

}  // namespace sirocco
