#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/prompt.hpp"
#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

/// What a sequence wants of a step of a text pipeline.
struct NoOutput {};  ///< a prompt chunk that isn't the last
struct WantToken {   ///< the token after its last row, chosen by `sampler`
  const Sampler* sampler = nullptr;
  std::span<const TokenId> own;  ///< all its tokens so far, those of this step included, if any
  std::uint32_t choice = 0;
  std::uint32_t choices = 1;  ///< above 1: the tokens of so many choices, from `choice` on
  /// Wanted with each token's log-probability: those of so many of the likeliest.
  std::optional<std::int32_t> alternatives = std::nullopt;
};
struct WantLogits {       ///< the logits themselves
  bool all_rows = false;  ///< of every row of this step; else of the last one
};
using TextWanted = std::variant<NoOutput, WantToken, WantLogits>;

/// What is wanted besides of a part whose rows are followed by tokens that are known: how likely
/// these are.
struct WantScores {
  std::span<const TokenId> following;  ///< what follows the part's first rows, a token each
  std::int32_t alternatives = 0;       ///< with each, so many of the likeliest
};

/// One sequence's part of a step: its next rows. Cache and rows live until the step is over.
struct TextItem {
  SequenceId sequence;     ///< for hooks
  SequenceCache* cache;    ///< its past; in no other step
  TextRows rows;           ///< at least one
  TextWanted wanted;       ///< of its last row, or of all
  WantScores scores = {};  ///< of rows before the wanted one
};

struct NothingWanted {};
struct ChosenToken {
  TokenId token;
  /// Where they are wanted, by the model's own distribution, before biases, temperature and cuts.
  std::optional<float> log_probability = std::nullopt;
  std::vector<TokenProbability> likeliest = {};  ///< the likeliest first
};
using ChosenTokens = std::vector<ChosenToken>;  ///< of several choices, in their order
struct StepLogits {
  std::vector<float> values;  ///< [rows, V]
};
/// What came of one part.
using TextOutcome = std::variant<NothingWanted, ChosenToken, ChosenTokens, StepFault, StepLogits>;

/// The tokens of an outcome, in the order of their choices; none where it has none.
std::span<const ChosenToken> tokens_of(const TextOutcome& outcome);

}  // namespace sirocco
