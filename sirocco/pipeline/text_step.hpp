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
  bool log_probability = false;
};
struct WantLogits {       ///< the logits themselves
  bool all_rows = false;  ///< of every row of this step; else of the last one
};
using TextWanted = std::variant<NoOutput, WantToken, WantLogits>;

/// One sequence's part of a step: its next rows. Cache and rows live until the step is over.
struct TextItem {
  SequenceId sequence;   ///< for hooks
  SequenceCache* cache;  ///< its past; in no other step
  TextRows rows;         ///< at least one
  TextWanted wanted;
};

struct NothingWanted {};
struct ChosenToken {
  TokenId token;
  std::optional<float> log_probability = std::nullopt;
};
struct StepLogits {
  std::vector<float> values;  ///< [rows, V]
};
/// What came of one part.
using TextOutcome = std::variant<NothingWanted, ChosenToken, StepFault, StepLogits>;

}  // namespace sirocco
