#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sirocco/pipeline/row_outcomes.hpp"
#include "sirocco/pipeline/staged_step.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/frame.hpp"

namespace sirocco {

// What the head tells the stages behind it of a step, as bytes: kStep for each of them, with its
// part of the caches; the tail's has what is wanted of the rows, too. outcome_frames.hpp has what
// stages answer.

/// What a stage may receive: bounds of what is read.
struct StepBoundsOnWire {
  std::int64_t max_step = 0;
  std::int32_t max_context = 0;
  std::int64_t vocabulary = 0;
  std::vector<std::int32_t> blocks;  ///< of each group of the stage's cache
};

/// Writes the head's steps for the others.
class StepWriter {
 public:
  /// The part of a stage, `number` counted from 0.
  Frame step(const StagedStep& step, std::uint64_t number, int stage);
  /// The same for the tail. What a sequence's sampler is, and its own tokens, are told once, where
  /// `lasting`: until the sequence is over.
  Frame step_of_tail(const StagedStep& step, std::uint64_t number, int stage, bool lasting);
  /// The sequence is over, for the tail: nothing when it never heard of it.
  std::optional<Frame> finished(SequenceId sequence);

 private:
  std::unordered_map<SequenceId, std::map<std::uint32_t, std::size_t>> told_;  // tokens by choice
};

/// A step as a stage behind the head received it.
struct ReceivedStep {
  std::uint64_t number = 0;
  StepRows rows;
  StageCaches caches;
  std::vector<WantedRow> wanted;  ///< the tail's; they borrow from the reader until its next step
};

/// Reads the steps of one stage. Has what the tail was told of sequences.
class StepReader {
 public:
  explicit StepReader(StepBoundsOnWire bounds) : bounds_(std::move(bounds)) {}

  /// Throws FormatError, InvalidArgument.
  void step(const Frame& frame, bool tail, ReceivedStep& out);
  void finished(SequenceId sequence) { sequences_.erase(sequence); }
  /// Sequences that were told of and aren't over.
  std::size_t sequences() const { return sequences_.size(); }

 private:
  struct Told {
    std::optional<Sampler> sampler;
    std::map<std::uint32_t, std::vector<TokenId>> own;  // by choice
  };
  WantedRow wanted(ByteReader& reader);

  StepBoundsOnWire bounds_;
  std::uint64_t next_step_ = 0;
  std::unordered_map<SequenceId, Told> sequences_;
  std::deque<Told> of_step_;                              // told for one step only
  std::set<std::pair<SequenceId, std::uint32_t>> asked_;  // sequences and choices of the step
};

}  // namespace sirocco
