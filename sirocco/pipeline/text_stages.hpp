#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/cache_memory.hpp"
#include "sirocco/pipeline/cache_pools.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/platform/byte_ledger.hpp"

namespace sirocco {

/// A stage where it runs: its parts, the backend of its device, the memory of its cache and that of
/// its steps.
template <Transforms Role>
struct PlacedStage {
  PlacedStage(Stage<Role> s, Backend& b) : stage(std::move(s)), backend(&b) {}

  /// Makes the memory of the cache; before the first step.
  void allocate(CacheShape shape, ByteLedger& ledger) {
    cache.emplace(stage.cache_layout(), std::move(shape), &ledger);
  }

  Stage<Role> stage;
  Backend* backend;
  std::optional<CacheMemory> cache;
  StepMemory memory;
};

/// Embeddings of a step in place of tokens.
struct StagedEmbeddings {
  std::int64_t first = 0;  ///< the number of the first row in the step
  std::int64_t width = 0;
  std::span<const float> values;  ///< [rows, width], borrowed until the step is over
};

/// What the stages have to know of a step: plain values, which could be sent.
struct StagedStep {
  StepRows rows;
  std::vector<TokenId> tokens;  ///< of the rows that are tokens
  std::vector<StagedEmbeddings> given;
  StepCaches caches;
};

/// A text model where it runs: whole on one device, or a stage each on several. From tokens to
/// logits, a stage after the other.
class TextStages {
 public:
  explicit TextStages(PlacedStage<Whole> whole) : stages_(std::move(whole)) {}
  TextStages(PlacedStage<Head> head, std::vector<PlacedStage<Middle>> middles,
             PlacedStage<Tail> tail)
      : stages_(Chain{std::move(head), std::move(middles), std::move(tail)}) {}

  std::vector<StagePlacement> placement() const;
  /// The embedding and all blocks, where one stage has them.
  std::optional<Head> embedding_parts() const;
  /// Of each stage; valid as long as the stages.
  std::vector<const CacheLayout*> layouts() const;
  /// Makes the memory of the caches, charged to `ledger`. Throws ResourceExhausted.
  void allocate(const CachePools& pools, ByteLedger& ledger);

  /// Receives the logits of the wanted rows, [R, V], valid during the call, and the threads that
  /// rest meanwhile.
  using Show =
      FunctionRef<void(std::span<const float> logits, std::size_t vocabulary, ThreadGroup& host)>;
  /// Every stage's part of a step, in order. Throws what backends throw; the caches are then as the
  /// step's commands left them.
  void run(const StagedStep& step, const PipelineHooks& hooks, Show show);

 private:
  struct Chain {
    PlacedStage<Head> head;
    std::vector<PlacedStage<Middle>> middles;
    PlacedStage<Tail> tail;
  };
  /// body(stage, number, role) for each.
  template <class Self, class Body>
  static void for_each(Self& self, Body body);

  std::variant<PlacedStage<Whole>, Chain> stages_;
  std::vector<const CacheViews*> views_;  // of the step that runs
  SentHidden sent_;
};

}  // namespace sirocco
