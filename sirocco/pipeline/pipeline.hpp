#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/model.hpp"
#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

/// What a sequence wants of a step.
struct NoOutput {};  ///< a prompt chunk that isn't the last
struct WantToken {   ///< the token after its last row, chosen by `sampler`
  const Sampler* sampler = nullptr;
  std::span<const TokenId> own;  ///< all its tokens so far, those of this step included
  std::uint32_t choice = 0;
};
struct WantLogits {       ///< the logits themselves
  bool all_rows = false;  ///< of every row of this step; else of the last one
};
struct WantEmbedding {};  ///< the one vector that the sequence, whole in this step, becomes
using Wanted = std::variant<NoOutput, WantToken, WantLogits, WantEmbedding>;

/// One sequence's part of a step: its next tokens. The spans live until the step was waited for.
struct StepItem {
  SequenceId sequence;
  std::span<const TokenId> tokens;  ///< at least one
  Wanted wanted;
};
using StepBatch = std::vector<StepItem>;

/// What came of one item.
struct StepItemResult {
  SequenceId sequence;
  std::optional<StepFault> fault;  ///< why what was wanted isn't there: no token, no embedding
  std::optional<TokenId> token;    ///< WantToken
  std::vector<float> logits;       ///< WantLogits: [rows, V]
  std::vector<float> embedding;    ///< WantEmbedding
};
struct StepResult {
  std::vector<StepItemResult> items;  ///< in the order of the batch
  double seconds = 0.0;               ///< that the step took
};

using Ticket = StrongId<struct TicketTag, std::uint64_t>;  ///< a submitted step

struct StageTiming {
  int stage = 0;
  std::int64_t rows = 0;
  double seconds = 0.0;
};

/// Called on the thread that drives the pipeline; none may call back into it.
struct PipelineHooks {
  std::function<void(SequenceId, TokenId)> token;            ///< a token was chosen
  std::function<void(int stage, std::uint64_t bytes)> sent;  ///< hidden states left a stage
  std::function<void(const StageTiming&)> stage;             ///< a stage finished its part
};

/// Where a stage runs.
struct StagePlacement {
  std::string_view role;     ///< "whole", "head", …
  std::string_view backend;  ///< "avx512vnni", …
};

/// The runtime of one loaded model: owns its parts, its cache, its hooks and where it runs. Its
/// step advances each sequence of a batch by one bounded unit of work. One thread at a time.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  virtual const ModelInfo& info() const = 0;
  virtual std::vector<StagePlacement> placement() const = 0;

  /// The most positions that one sequence may have.
  virtual std::int32_t context() const = 0;
  /// The most rows that one step may have.
  virtual int largest_step() const = 0;
  virtual int max_sequences() const = 0;

  /// Sets room aside for all `positions` of a new sequence; false when there isn't so much now.
  /// Throws InvalidArgument or ResourceExhausted, with the figures, when there never will be.
  virtual bool admit(SequenceId sequence, std::int64_t positions) = 0;
  /// The same question without the room: throws when `positions` can never be admitted.
  virtual void check_admissible(std::int64_t positions) const = 0;
  /// Gives back all that a sequence holds.
  virtual void retire(SequenceId sequence) = 0;

  /// Begins a step. On one CPU device it has finished on return. Throws InvalidArgument for a
  /// token outside the vocabulary, an unknown sequence, too many rows or what a pipeline of this
  /// kind doesn't give; nothing has begun then.
  virtual Ticket submit(const StepBatch& batch) = 0;
  /// The result of a submitted step, once; valid until the next submission.
  virtual const StepResult& wait(Ticket ticket) = 0;

  const StepResult& step(const StepBatch& batch) { return wait(submit(batch)); }
};

}  // namespace sirocco
