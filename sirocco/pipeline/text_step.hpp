#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/prompt.hpp"
#include "sirocco/pipeline/row_outcomes.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"

namespace sirocco {

/// What a sequence wants of a step of a text pipeline: the token after its last row (WantToken), or
struct NoOutput {};       ///< nothing: a prompt chunk that isn't the last
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
struct StepLogits {
  std::vector<float> values;  ///< [rows, V]
};
/// What came of one part.
using TextOutcome = std::variant<NothingWanted, ChosenToken, ChosenTokens, StepFault, StepLogits>;

/// The tokens of an outcome, in the order of their choices; none where it has none.
std::span<const ChosenToken> tokens_of(const TextOutcome& outcome);

}  // namespace sirocco
