#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/pipeline/step_fault.hpp"
#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

// What the end of a model's last stage makes of logits: it is where the tokens are chosen, so that
// logits needn't go anywhere.

/// The token after a row is wanted, chosen by `sampler`.
struct WantToken {
  const Sampler* sampler = nullptr;
  std::span<const TokenId> own =
      {};  ///< all its tokens so far, those of this step included, if any
  std::uint32_t choice = 0;
  std::uint32_t choices = 1;  ///< above 1: the tokens of so many choices, from `choice` on
  /// Wanted with each token's log-probability: those of so many of the likeliest.
  std::optional<std::int32_t> alternatives = std::nullopt;
};
/// How likely the token is that follows, and so many of the likeliest in its place.
struct WantScore {
  TokenId following;
  std::int32_t alternatives = 0;
};
/// The logits themselves.
struct WantRowLogits {};

/// A row of a step whose logits are wanted, and what for.
struct WantedRow {
  SequenceId sequence;
  Position next;  ///< of the token that follows it
  std::variant<WantToken, WantScore, WantRowLogits> what;
};

struct ChosenToken {
  TokenId token;
  /// Where they are wanted, by the model's own distribution, before biases, temperature and cuts.
  std::optional<float> log_probability = std::nullopt;
  std::vector<TokenProbability> likeliest = {};  ///< the likeliest first
};
using ChosenTokens = std::vector<ChosenToken>;  ///< of several choices, in their order

/// A row's logits are among those of the step.
struct RowLogits {};
/// What came of a wanted row. A score is the token that follows: without a log-probability where
/// the logits say nothing.
using RowOutcome = std::variant<RowLogits, ChosenToken, ChosenTokens, StepFault>;

/// What came of a step. Kept from step to step, so that like steps allocate nothing.
struct StepOutcome {
  std::vector<RowOutcome> rows;  ///< of the wanted rows, in their order
  std::vector<float> logits;     ///< [n, V], of those that are wanted as logits
};

/// Makes outcomes of logits. Has the working memory for it; one thread at a time.
class RowOutcomes {
 public:
  /// `vocabulary` is V; sequences have no more than `max_context` tokens.
  RowOutcomes(std::int64_t vocabulary, std::int64_t max_context)
      : vocabulary_(vocabulary), max_context_(max_context) {}

  /// Replaces `out` by what comes of the wanted rows, whose logits [rows, V] are in their order.
  /// Rows are shared among the threads; the outcome doesn't depend on how.
  void make(std::span<const WantedRow> wanted, std::span<const float> logits, ThreadGroup& threads,
            StepOutcome& out);

 private:
  std::int64_t vocabulary_;
  std::int64_t max_context_;
  std::vector<std::size_t> place_;       // of each wanted row among the logits that go on
  std::vector<SamplerScratch> scratch_;  // of each thread
};

}  // namespace sirocco
