// A vocabulary head that both ends of a model share: the bits, and what may come of the tail.

#include "sirocco/pipeline/sharded_logits.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

class Shards : public testing::TestWithParam<const char*> {};
// Tied tables and matrices of their own, biases, soft caps, vocabularies that fill no panel.
INSTANTIATE_TEST_SUITE_P(Tiny, Shards,
                         testing::Values("llama-odd.gguf", "llama-gqa.gguf", "gemma2.gguf",
                                         "gpt2.gguf", "phi2.gguf", "deepseek2.gguf"),
                         test_name_of);

TEST_P(Shards, GiveTheBitsOfTheWhole) {
  TinyModel model(GetParam(), 2);
  LanguagePipelineOptions options;
  options.context = 64;
  const auto whole = model.pipeline(options);
  const auto vocabulary = static_cast<std::int32_t>(whole->info().vocabulary);
  const auto tokens = random_tokens(3, 50, vocabulary);
  const auto expected = scores(*whole, tokens);
  const auto width = static_cast<std::size_t>(whole->info().width);
  for (const std::int32_t cut : {16, vocabulary / 32 * 16, (vocabulary - 1) / 16 * 16}) {
    std::array<std::uint64_t, 2> sent = {};
    options.hooks.sent = [&](int stage, std::uint64_t bytes) {
      sent[static_cast<std::size_t>(stage)] += bytes;
    };
    const auto sharded = model.sharded(options, {LayerIndex(1)}, TokenId(cut));
    EXPECT_TRUE(same_bits(scores(*sharded, tokens, {23}), expected)) << cut;
    // The rows come back, with the tail's part of their logits.
    EXPECT_EQ(sent[0], tokens.size() * width * sizeof(float));
    EXPECT_EQ(sent[1],
              sent[0] + tokens.size() * static_cast<std::size_t>(vocabulary - cut) * sizeof(float));
  }
}

TEST(Shards, ThatDoNotMakeUpTheVocabularyAreRefused) {
  TinyModel model("llama-gqa.gguf", 1);
  const auto v = static_cast<std::int32_t>(model.pipeline()->info().vocabulary);
  for (const std::int32_t cut : {0, -16, 8, v, v + 16})
    EXPECT_THROW(model.sharded({}, {LayerIndex(1)}, TokenId(cut)), InvalidArgument) << cut;
}

/// A head stage, as far as it scores tokens, and a step of which two rows are wanted.
class OfTheTail : public testing::Test {
 protected:
  OfTheTail()
      : checkpoint_(open_checkpoint(kModels / "llama-gqa.gguf")),
        threads_(1),
        backend_(make_cpu_backend(Isa::kRef, threads_)) {
    const auto builder = make_model_builder(*checkpoint_.metadata, *checkpoint_.weights, *backend_);
    info_ = builder->info();
    columns_ = info_.vocabulary - 16;
    stage_.emplace(Stage<ShardedHead>(load_parts<ShardedHead>(
                       *builder, {LayerIndex(0), LayerIndex(1)}, {TokenId(0), TokenId(16)})),
                   StagePlace{*backend_, ledger_});
    step_.rows.sequences = {SequenceRows(SequenceId(1), Position(0), 3)};
    step_.rows.outputs = {1, 2};
    step_.wanted = {{SequenceId(1), Position(2), WantRowLogits{}},
                    {SequenceId(1), Position(3), WantRowLogits{}}};
    PipelineLimits limits;
    limits.vocabulary = info_.vocabulary;
    limits.width = info_.width;
    limits.max_context = 8;
    logits_.emplace(*stage_, limits);
    logits_->begin(step_);
  }
  Frame rows(std::int64_t count) const {
    SentHidden hidden{.rows = count, .width = info_.width, .values = {}};
    hidden.values.assign(static_cast<std::size_t>(count * info_.width), 0.5F);
    return activation_frame(hidden, 4);
  }
  Frame scores(std::int64_t count, std::int64_t columns, float first = 0) const {
    std::vector<float> values(static_cast<std::size_t>(count * columns));
    for (float& value : values) value = first++;
    return logits_frame(values, columns, 4);
  }

  Checkpoint checkpoint_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  ByteLedger ledger_{std::uint64_t{1} << 30};
  ModelInfo info_;
  std::int64_t columns_ = 0;
  std::optional<PlacedStage<ShardedHead>> stage_;
  StagedStep step_;
  std::optional<ShardedLogits> logits_;
};

TEST_F(OfTheTail, ScoresMayComeInSeveralFrames) {
  logits_->take_rows(rows(2));
  logits_->score();
  EXPECT_FALSE(logits_->take_logits(scores(1, columns_, 1)));
  EXPECT_TRUE(logits_->take_logits(scores(1, columns_, 1000)));
  StepOutcome outcome;
  logits_->make(outcome);
  ASSERT_EQ(std::ssize(outcome.logits), 2 * info_.vocabulary);
  const auto v = static_cast<std::size_t>(info_.vocabulary);
  EXPECT_EQ(outcome.logits[16], 1);
  EXPECT_EQ(outcome.logits[v - 1], static_cast<float>(columns_));
  EXPECT_EQ(outcome.logits[v + 16], 1000);
  // The rows are the same, so are their scores of the head stage's tokens.
  EXPECT_TRUE(
      same_bits(std::span(outcome.logits).first(16), std::span(outcome.logits).subspan(v, 16)));
}

TEST_F(OfTheTail, WhatIsNotExpectedIsRefused) {
  EXPECT_THROW(logits_->take_logits(scores(2, columns_)), FormatError) << "before the rows";
  EXPECT_THROW(logits_->take_rows(rows(3)), FormatError);
  logits_->take_rows(rows(2));
  EXPECT_THROW(logits_->take_rows(rows(2)), FormatError);
  EXPECT_THROW(logits_->take_logits(scores(3, columns_)), FormatError);
  EXPECT_THROW(logits_->take_logits(scores(2, columns_ - 1)), FormatError);
  EXPECT_THROW(logits_->take_logits(scores(0, columns_)), FormatError);
  EXPECT_FALSE(logits_->take_logits(scores(1, columns_)));
  EXPECT_THROW(logits_->take_logits(scores(2, columns_)), FormatError);
}

TEST_F(OfTheTail, AStepWithoutWantedRowsIsCompleteAtOnce) {
  step_.rows.outputs.clear();
  step_.wanted.clear();
  logits_->begin(step_);
  EXPECT_TRUE(logits_->take_logits(scores(0, columns_)));
  StepOutcome outcome;
  outcome.rows.emplace_back(RowLogits{});
  logits_->make(outcome);
  EXPECT_TRUE(outcome.rows.empty());
}

}  // namespace
}  // namespace sirocco
