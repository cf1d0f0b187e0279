#include "sirocco/pipeline/step_frames.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/outcome_frames.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kVocabulary = 100;

StepBoundsOnWire bounds() {
  return {.max_step = 64, .max_context = 256, .vocabulary = kVocabulary, .blocks = {16, 8}};
}

Sampler some_sampler() {
  SamplingParams params;
  params.logit_bias = {{TokenId(3), -1.5F}};
  params.rules.bad_words = {{TokenId(1), TokenId(2)}, {TokenId(4)}};
  params.rules.length_decay = LengthDecay{.start = 5, .factor = 1.25F};
  params.rules.forced_first = TokenId(9);
  params.repetition_penalty = 1.5F;
  params.temperature = 0.75F;
  params.top_k = 40;
  params.penalize_prompt = false;
  params.seed = 77;
  return Sampler(params, kVocabulary, {.prompt = 3, .limit = 20, .ends = {TokenId(2), TokenId(5)}});
}

/// Two sequences of three rows and one, of which the tail is asked for everything there is.
class StepFrames : public ::testing::Test {
 protected:
  StepFrames() {
    step_.rows.sequences = {
        SequenceRows(SequenceId(7), Position(4), 3, {{Position(5), Position(7)}}),
        SequenceRows(SequenceId(8), Position(0), 1).with_rotary(RotaryPositions(2, {5, 6}))};
    step_.rows.outputs = {0, 2, 3};
    step_.caches.stages.resize(2);
    StageCaches& caches = step_.caches.stages[1];
    caches.groups.resize(2);
    caches.groups[0] = {
        .commands = {{.kind = BlockCommand::Kind::kCopy, .from = BlockId(3), .to = BlockId(4)}},
        .table = {1, 2, -1, 3, -1, -1},
        .blocks_a_sequence = 3};
    caches.groups[1] = {.commands = {}, .table = {-1, 7, -1, 0}, .blocks_a_sequence = 2};
    ask(own_);
  }
  void ask(const std::vector<TokenId>& own) {
    step_.wanted = {
        {SequenceId(7), Position(5), WantScore{.following = TokenId(6), .alternatives = 2}},
        {SequenceId(7), Position(7),
         WantToken{.sampler = &sampler_, .own = own, .choice = 1, .choices = 2, .alternatives = 4}},
        {SequenceId(8), Position(1), WantRowLogits{}}};
  }

  const Sampler sampler_ = some_sampler();
  const std::vector<TokenId> own_ = {TokenId(1), TokenId(2), TokenId(3)};
  StagedStep step_;
};

TEST_F(StepFrames, AStageReadsWhatTheHeadWrote) {
  const Frame frame = StepWriter().step(step_, 5, 1);
  StepReader reader(bounds());
  ReceivedStep out;
  reader.step(frame, /*tail=*/false, out);
  EXPECT_EQ(out.number, 5U);
  ASSERT_EQ(out.rows.sequences.size(), 2U);
  EXPECT_EQ(out.rows.sequences[0].sequence(), SequenceId(7));
  EXPECT_EQ(out.rows.sequences[0].first(), Position(4));
  EXPECT_EQ(out.rows.sequences[0].spans().at(0).end, Position(7));
  ASSERT_TRUE(out.rows.sequences[1].rotary());
  EXPECT_EQ(out.rows.sequences[1].rotary()->axes(), 2);
  EXPECT_EQ(out.rows.outputs, step_.rows.outputs);
  const StageCaches& sent = step_.caches.stages[1];
  for (std::size_t g = 0; g < 2; ++g) {
    EXPECT_EQ(out.caches.groups[g].table, sent.groups[g].table);
    EXPECT_EQ(out.caches.groups[g].commands, sent.groups[g].commands);
    EXPECT_EQ(out.caches.groups[g].blocks_a_sequence, sent.groups[g].blocks_a_sequence);
  }
}

TEST_F(StepFrames, TheTailIsToldOfASequenceOnce) {
  StepWriter writer;
  StepReader reader(bounds());
  ReceivedStep out;
  const Frame first = writer.step_of_tail(step_, 0, 1, /*lasting=*/true);
  reader.step(first, /*tail=*/true, out);
  EXPECT_EQ(std::get<WantScore>(out.wanted[0].what).following, TokenId(6));
  const auto& token = std::get<WantToken>(out.wanted[1].what);
  EXPECT_EQ(std::vector(token.own.begin(), token.own.end()), own_);
  EXPECT_EQ(token.choices, 2U);
  EXPECT_EQ(token.alternatives, 4);
  // Its sampler chooses what the head's would.
  std::vector<float> logits(kVocabulary);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>((i * 37) % 101) / 9;
  SamplerScratch scratch;
  for (int position = 3; position < 30; ++position) {
    EXPECT_EQ(token.sampler->sample(logits, token.own, Position(position), 1, scratch),
              sampler_.sample(logits, own_, Position(position), 1, scratch));
  }
  // The next time only what is new.
  std::vector<TokenId> more = own_;
  more.emplace_back(60);
  ask(more);
  step_.caches.stages[1].step = 1;
  const Frame second = writer.step_of_tail(step_, 1, 1, /*lasting=*/true);
  EXPECT_LT(second.payload.size() + 100, first.payload.size());
  reader.step(second, /*tail=*/true, out);
  const auto& again = std::get<WantToken>(out.wanted[1].what);
  EXPECT_EQ(std::vector(again.own.begin(), again.own.end()), more);
  EXPECT_EQ(reader.sequences(), 1U);
  ASSERT_TRUE(writer.finished(SequenceId(7)));
  reader.finished(SequenceId(7));
  EXPECT_EQ(reader.sequences(), 0U);
  EXPECT_FALSE(writer.finished(SequenceId(7)));
  EXPECT_FALSE(writer.finished(SequenceId(8)));
}

TEST_F(StepFrames, WhatIsToldForAStepIsForgottenBehindIt) {
  StepWriter writer;
  StepReader reader(bounds());
  ReceivedStep out;
  for (std::uint64_t number = 0; number < 3; ++number) {
    step_.caches.stages[1].step = number;
    reader.step(writer.step_of_tail(step_, number, 1, /*lasting=*/false), /*tail=*/true, out);
    EXPECT_EQ(std::get<WantToken>(out.wanted[1].what).own.size(), own_.size());
    EXPECT_EQ(reader.sequences(), 0U);
  }
}

TEST_F(StepFrames, CachesComeInTheirOrder) {
  StepReader reader(bounds());
  ReceivedStep out;
  step_.caches.stages[1].step = 1;
  EXPECT_THROW(reader.step(StepWriter().step(step_, 0, 1), false, out), FormatError);
}

TEST_F(StepFrames, NoByteThatIsWrongIsBelieved) {
  const Frame good = StepWriter().step_of_tail(step_, 0, 1, /*lasting=*/true);
  const auto read = [&](const Frame& frame) {
    ReceivedStep out;
    StepReader(bounds()).step(frame, /*tail=*/true, out);
    // What was read is within the bounds.
    ASSERT_LE(out.rows.rows(), bounds().max_step);
    for (std::size_t g = 0; g < out.caches.groups.size(); ++g)
      for (const std::int32_t block : out.caches.groups[g].table)
        ASSERT_TRUE(block >= -1 && block < bounds().blocks[g]);
    ASSERT_EQ(out.wanted.size(), out.rows.outputs.size());
  };
  read(good);
  for (std::size_t size = 0; size < good.payload.size(); ++size) {
    Frame cut = good;
    cut.payload.resize(size);
    EXPECT_THROW(read(cut), FormatError) << size;
  }
  for (std::size_t at = 0; at < good.payload.size(); ++at) {
    for (const int flip : {1, 0x80, 0xFF}) {
      Frame wrong = good;
      wrong.payload[at] ^= static_cast<std::byte>(flip);
      try {
        read(wrong);
      } catch (const Error&) {  // refused, or another value that can be
      }
    }
  }
}

TEST(OutcomeFrames, AreReadAsTheyWereWritten) {
  EXPECT_TRUE(rc::check([] {
    const auto token = [] {
      ChosenToken out{.token = TokenId(*rc::gen::inRange(0, 100))};
      if (*rc::gen::arbitrary<bool>())
        out.log_probability = -1.0F / static_cast<float>(*rc::gen::inRange(1, 9));
      for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
        out.likeliest.push_back({TokenId(*rc::gen::inRange(0, 100)), -0.5F});
      return out;
    };
    std::vector<WantedRow> wanted;
    StepOutcome outcome;
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
      WantedRow row{SequenceId(1), Position(1), WantRowLogits{}};
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
          outcome.rows.emplace_back(RowLogits{});
          outcome.logits.resize(outcome.logits.size() + kVocabulary, 0.25F);
          break;
        case 1:
          row.what = WantScore{};
          outcome.rows.emplace_back(token());
          break;
        case 2:
          row.what = WantToken{};
          outcome.rows.emplace_back(token());
          break;
        case 3:
          row.what = WantToken{.choices = 2};
          outcome.rows.emplace_back(ChosenTokens{token(), token()});
          break;
        default:
          row.what = WantToken{};
          outcome.rows.emplace_back(StepFault::kNothingAllowed);
      }
      wanted.push_back(row);
    }
    const Frame frame = outcome_frame(outcome, 3);
    StepOutcome out;
    read_outcome(frame, wanted, kVocabulary, out);
    RC_ASSERT(out.logits == outcome.logits);
    RC_ASSERT(outcome_frame(out, 3) == frame);
    if (wanted.empty()) return;
    // Not for other rows than those that were asked for.
    RC_ASSERT_THROWS_AS(
        read_outcome(frame, std::span(wanted).first(wanted.size() - 1), kVocabulary, out),
        FormatError);
  }));
}

TEST(OutcomeFrames, AnErrorKeepsItsKind) {
  const auto said = [](const Frame& frame) -> std::string {
    try {
      std::rethrow_exception(read_error(frame));
    } catch (const ResourceExhausted& e) {
      return e.what();
    }
  };
  const ResourceExhausted error("no room for {}", 7);
  const Frame frame = error_frame(error, 4, 0);
  EXPECT_EQ(frame.header.step, 4U);
  EXPECT_EQ(said(frame), "no room for 7");
  EXPECT_EQ(said(error_frame(error, 4, 2)), "stage 2: no room for 7");
  EXPECT_EQ(said(error_frame(std::bad_alloc(), 4, 2)), "stage 2: out of memory");
  Frame torn = frame;
  torn.payload.pop_back();
  EXPECT_THROW(read_error(torn), FormatError);
}

TEST(ActivationFrames, OfAnotherShapeAreRefused) {
  const SentHidden hidden{.rows = 2, .width = 3, .values = {1, 2, 3, 4, 5, 6}};
  const Frame frame = activation_frame(hidden, 9);
  EXPECT_EQ(frame.payload.size(), 24U);
  SentHidden out;
  read_activation(frame, 2, 3, out);
  EXPECT_EQ(out.values, hidden.values);
  EXPECT_THROW(read_activation(frame, 3, 2, out), FormatError);
}

// What crosses the links in a step that gives each of 16 sequences its next token.
TEST(StepBytes, OfSixteenSequences) {
  constexpr std::int64_t kWidth = 576;
  constexpr int kBlocks = 8;
  const Sampler sampler(SamplingParams{}, kVocabulary);
  std::vector<std::vector<TokenId>> own(16);
  StagedStep step;
  step.caches.stages.resize(2);
  GroupCaches group;
  group.blocks_a_sequence = kBlocks;
  for (std::uint64_t s = 0; s < 16; ++s) {
    own[s].assign(200, TokenId(1));
    step.rows.sequences.emplace_back(SequenceId(s), Position(199), 1);
    step.rows.outputs.push_back(static_cast<std::int32_t>(s));
    for (int b = 0; b < kBlocks; ++b) group.table.push_back(b < 7 ? b : -1);
    step.wanted.push_back(
        {SequenceId(s), Position(200), WantToken{.sampler = &sampler, .own = own[s]}});
  }
  step.caches.stages[1].groups = {group};
  StepWriter writer;
  writer.step_of_tail(step, 0, 1, true);
  for (std::uint64_t s = 0; s < 16; ++s) {
    own[s].push_back(TokenId(2));
    std::get<WantToken>(step.wanted[s].what).own = own[s];
  }
  SentHidden hidden{.rows = 16, .width = kWidth, .values = std::vector<float>(16 * kWidth)};
  StepOutcome outcome;
  outcome.rows.assign(16, ChosenToken{.token = TokenId(5)});
  EXPECT_EQ(frame_bytes(activation_frame(hidden, 1)), kFrameHeaderBytes + 16 * kWidth * 4);
  // A sequence's rows, its blocks and its last token; of each 137 bytes.
  EXPECT_LE(frame_bytes(writer.step_of_tail(step, 1, 1, true)), 16 * 140 + 200);
  EXPECT_LE(frame_bytes(outcome_frame(outcome, 1)), 16 * 14 + 100);
}

}  // namespace
}  // namespace sirocco
