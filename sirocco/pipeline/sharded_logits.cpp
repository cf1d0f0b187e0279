#include "sirocco/pipeline/sharded_logits.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"

namespace sirocco {

ShardedLogits::ShardedLogits(PlacedStage<ShardedHead>& stage, const PipelineLimits& limits)
    : stage_(stage),
      width_(limits.width),
      vocabulary_(limits.vocabulary),
      own_(stage.stage.vocabulary_range()),
      of_tail_{own_.end, TokenId(static_cast<std::int32_t>(vocabulary_))},
      outcomes_(limits.vocabulary, limits.max_context) {
  SIROCCO_CHECK(own_.begin.value() == 0 && own_.size() > 0 && of_tail_.size() > 0);
}

void ShardedLogits::begin(const StagedStep& step) {
  step_ = &step;
  has_rows_ = false;
  tail_rows_ = 0;
}

void ShardedLogits::take_rows(const Frame& activation) {
  if (has_rows_) {
    throw FormatError("the rows of step {} came twice", activation.header.step);
  }
  read_activation(activation, std::ssize(step_->wanted), width_, hidden_);
  has_rows_ = true;
  logits_.resize(step_->wanted.size() * static_cast<std::size_t>(vocabulary_));
}

void ShardedLogits::score() {
  const CacheViews none;
  TransformContext context(*stage_.backend, stage_.memory, step_->rows, none);
  const LogitsShard shard = stage_.stage.lm_head_shard(receive_outputs(hidden_, context), context);
  put(own_, 0, stage_.backend->read(shard.values()));
}

bool ShardedLogits::take_logits(const Frame& logits) {
  const std::int64_t wanted = std::ssize(step_->wanted);
  if (!has_rows_ && wanted > 0)
    throw FormatError("logits of step {} came before its rows", logits.header.step);
  const std::span<const float> values = read_logits(logits, wanted - tail_rows_, of_tail_.size());
  if (values.empty() && wanted > 0)
    throw FormatError("no logits came of step {}", logits.header.step);
  put(of_tail_, tail_rows_, values);
  tail_rows_ += logits.header.rows;
  return tail_rows_ == wanted;
}

void ShardedLogits::make(StepOutcome& outcome) {
  const std::size_t all = step_->wanted.size() * static_cast<std::size_t>(vocabulary_);
  outcomes_.make(step_->wanted, std::span(logits_).first(all), stage_.backend->host_threads(),
                 outcome);
}

void ShardedLogits::put(VocabularyRange range, std::int64_t first_row,
                        std::span<const float> values) {
  const auto width = static_cast<std::size_t>(range.size());
  const auto vocabulary = static_cast<std::size_t>(vocabulary_);
  auto at = static_cast<std::size_t>(first_row) * vocabulary +
            static_cast<std::size_t>(range.begin.value());
  for (; !values.empty(); values = values.subspan(width), at += vocabulary)
    std::ranges::copy(values.first(width), logits_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace sirocco
