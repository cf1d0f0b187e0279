#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sirocco/nn/vocabulary_range.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/row_outcomes.hpp"
#include "sirocco/pipeline/staged_step.hpp"
#include "sirocco/transport/frame.hpp"

namespace sirocco {

/// ShardedLogits are the logits of a step whose vocabulary head is shared out between head and
/// tail, as the head stage puts them together: it scores its tokens for the rows that the tail
/// sends, while the tail scores the others for the same rows. One step at a time; one thread.
class ShardedLogits {
 public:
  /// `stage`, whose shard begins with the first token, is borrowed. The tail has all other tokens.
  ShardedLogits(PlacedStage<ShardedHead>& stage, const PipelineLimits& limits);

  /// Begins a step, which is borrowed until it is complete or another one begins.
  void begin(const StagedStep& step);
  /// Takes the wanted rows behind the last layer. Throws FormatError for others, and when they are
  /// there already.
  void take_rows(const Frame& activation);
  /// Scores the head stage's tokens for them. Throws what backends throw.
  void score();
  /// Takes the tail's scores of the next rows; says whether these were the last. Throws FormatError
  /// where they aren't expected.
  bool take_logits(const Frame& logits);
  /// What comes of the wanted rows, when all of it is there.
  void make(StepOutcome& outcome);

 private:
  /// Writes rows of scores to their places, from the row with that number on.
  void put(VocabularyRange range, std::int64_t first_row, std::span<const float> values);

  PlacedStage<ShardedHead>& stage_;
  std::int64_t width_;
  std::int64_t vocabulary_;
  VocabularyRange own_;
  VocabularyRange of_tail_;
  RowOutcomes outcomes_;
  // Of the step.
  const StagedStep* step_ = nullptr;
  bool has_rows_ = false;
  std::int64_t tail_rows_ = 0;  // that the tail's scores have come of
  SentHidden hidden_;
  std::vector<float> logits_;  // [wanted rows, V]
};

}  // namespace sirocco
