#pragma once

#include <cstdint>
#include <exception>
#include <span>

#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/row_outcomes.hpp"
#include "sirocco/pipeline/stage.hpp"
#include "sirocco/transport/frame.hpp"

namespace sirocco {

// What comes of a step, as bytes: each stage sends kActivation to the next one, the tail kTokens to
// the head, and each behind the head kReport there. A tail that shares the vocabulary's head sends
// the head stage, in place of kTokens, the rows that the last layer kept as kActivation, where
// there are any, and then its part of their logits as kLogits, one frame or several. Where a stage
// failed, kError takes the place of its activation, tokens or logits, so that all get all steps.

Frame activation_frame(const SentHidden& hidden, std::uint64_t number);
/// Throws FormatError for another width or number of rows.
void read_activation(const Frame& frame, std::int64_t rows, std::int64_t width, SentHidden& out);

/// Rows of logits, f32 [rows, columns].
Frame logits_frame(std::span<const float> values, std::int64_t columns, std::uint64_t number);
/// The rows of such a frame, one behind another. Throws FormatError for another number of columns,
/// and for more than `max_rows`.
std::span<const float> read_logits(const Frame& frame, std::int64_t max_rows, std::int64_t columns);

Frame outcome_frame(const StepOutcome& outcome, std::uint64_t number);
/// Throws FormatError unless it is an outcome of so many wanted rows.
void read_outcome(const Frame& frame, std::span<const WantedRow> wanted, std::int64_t vocabulary,
                  StepOutcome& out);

/// What a stage's part of a step took, and what it sent on.
struct StageReport {
  StageTiming timing;
  std::uint64_t sent = 0;  ///< bytes of hidden states and logits; 0: none
};
Frame report_frame(const StageReport& report, std::uint64_t number);
/// Throws FormatError.
StageReport read_report(const Frame& frame, int stage);

/// An error of a stage. The text begins with the stage's number, but for the head's: what it says
/// is mostly of a request.
Frame error_frame(const std::exception& error, std::uint64_t number, int stage);
/// The error that is in it. Throws FormatError.
std::exception_ptr read_error(const Frame& frame);

}  // namespace sirocco
