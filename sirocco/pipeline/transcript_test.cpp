#include "sirocco/pipeline/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace sirocco {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// 0 to 9 are text (0 is a blank), then end, start, one language, what is to be done, what stands
// before the window, silence, no timestamps; timestamps of 0 to 10 steps.
constexpr TokenId kEnd(10), kStart(11), kLanguage(12), kTranscribe(13), kTranslate(14),
    kPrevious(15), kSilence(16), kNoTimes(17);
constexpr std::int32_t kTimes = 18;
constexpr std::int32_t kSteps = 10;
constexpr std::size_t kVocabulary = kTimes + kSteps + 1;

TranscriptionTokens all_tokens() {
  TranscriptionTokens out;
  out.end = kEnd;
  out.start = kStart;
  out.no_timestamps = kNoTimes;
  out.first_timestamp = TokenId(kTimes);
  out.no_speech = kSilence;
  out.previous = kPrevious;
  out.transcribe = kTranscribe;
  out.translate = kTranslate;
  out.languages = {{"en", kLanguage}};
  out.suppressed = {kStart, kLanguage, kTranscribe, kTranslate, kPrevious, kSilence};
  out.suppressed_first = {TokenId(0), kEnd};
  out.max_first_timestamp = 4;
  return out;
}

TokenId time(std::int32_t steps) { return TokenId(kTimes + steps); }

std::vector<std::int32_t> allowed(const TranscriptionTokens& tokens,
                                  std::initializer_list<TokenId> written) {
  // Text is likelier than all timestamps together.
  std::vector<float> logits(kVocabulary, 0.0f);
  std::fill_n(logits.begin(), kTimes, 10.0f);
  apply_transcription_rules(tokens, std::vector<TokenId>(written), logits);
  std::vector<std::int32_t> out;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i])) out.push_back(static_cast<std::int32_t>(i));
  return out;
}

TEST(TranscriptionRules, TimestampsComeInPairsAndNeverGoBack) {
  const TranscriptionTokens tokens = all_tokens();
  const TokenId word(3);
  // The first one, not too late.
  EXPECT_THAT(allowed(tokens, {}), ElementsAre(18, 19, 20, 21, 22));
  // Text or the end behind it, and no other.
  EXPECT_THAT(allowed(tokens, {time(2)}), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  // Behind text a later one.
  EXPECT_THAT(allowed(tokens, {time(2), word}),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 22, 23, 24, 25, 26, 27, 28));
  // Behind one that ends a segment the same, a later one or the end.
  EXPECT_THAT(allowed(tokens, {time(2), word, time(8)}), ElementsAre(10, 26, 27, 28));
  // Behind a pair text.
  EXPECT_THAT(allowed(tokens, {time(2), word, time(8), time(8)}),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

TEST(TranscriptionRules, TimestampsAreTakenWhereTogetherTheyAreLikelier) {
  const TranscriptionTokens tokens = all_tokens();
  std::vector<float> logits(kVocabulary, 0.0f);
  logits[5] = 1.9f;  // eight timestamps of 0 are as likely as one of log 8, 2.08
  const std::vector<TokenId> written = {time(2), TokenId(3)};
  apply_transcription_rules(tokens, written, logits);
  EXPECT_FALSE(std::isfinite(logits[5]));
  std::ranges::fill(logits, 0.0f);
  logits[5] = 2.2f;
  apply_transcription_rules(tokens, written, logits);
  EXPECT_TRUE(std::isfinite(logits[5]));
}

/// A model that writes what it is told, window by window, each token with a certain likelihood.
struct Told {
  std::vector<TokenId> tokens;
  float certainty = 20.0f;  ///< of each token
  float silence = -20.0f;   ///< the score of silence at the start
};

struct Heard {
  std::vector<std::vector<TokenId>> given;  ///< to each attempt
  std::vector<TranscriptionEvent> events;
  std::vector<std::int64_t> windows;
};

TranscriptionOptions greedy() {
  TranscriptionOptions out;
  out.language = kLanguage;
  out.temperatures = {0.0f};
  return out;
}

/// A window is of 20 frames, or 10 steps.
Heard hear(std::int64_t frames, const TranscriptionOptions& options, std::vector<Told> attempts,
           std::int32_t max_tokens = 32) {
  const TranscriptionTokens tokens = all_tokens();
  const auto text_of = [](std::span<const TokenId> text) {
    std::string out;
    for (const TokenId token : text)
      out += token.value() == 0 ? ' ' : static_cast<char>('a' + token.value());
    return out;
  };
  Transcript transcript(tokens, options, {frames, 20, kSteps, 0.01}, max_tokens, text_of);
  Heard out;
  std::size_t attempt = 0;
  std::size_t place = 0;
  while (!transcript.done()) {
    if (transcript.wants_encoder()) {
      out.windows.push_back(transcript.window());
      transcript.encoded();
      continue;
    }
    const Told& told = attempts.at(attempt);
    if (transcript.position() == 0)
      out.given.emplace_back(transcript.rows().begin(), transcript.rows().end());
    const bool wants_start = transcript.wants_start().has_value();
    std::vector<float> start(kVocabulary, 0.0f);
    start[static_cast<std::size_t>(kSilence.value())] = told.silence;
    std::vector<float> last(kVocabulary, 0.0f);
    const bool over = place == told.tokens.size();
    const TokenId next = over ? kEnd : told.tokens[place];
    last[static_cast<std::size_t>(next.value())] = told.certainty;
    transcript.decoded(wants_start ? std::span<const float>(start) : std::span<const float>(),
                       last);
    ++place;
    if (auto event = transcript.next_event()) out.events.push_back(std::move(*event));
    const bool next_attempt =
        !transcript.done() && (transcript.wants_encoder() || transcript.position() == 0);
    if (over || next_attempt || transcript.done()) {
      ++attempt;
      place = 0;
    }
  }
  EXPECT_EQ(attempt, attempts.size());
  return out;
}

TEST(Transcript, NextWindowBeginsWhereTheLastWholeSegmentEnds) {
  const TokenId a(1), b(2), c(3);
  const Heard heard =
      hear(40, greedy(),
           {{{time(0), a, time(3), time(3), b, time(6), time(6), c}},  // the last is cut off
            {{time(1), c, b, time(9)}},                                // ends alone
            {{time(0), a}}});
  EXPECT_THAT(heard.windows, ElementsAre(0, 12, 32));
  ASSERT_THAT(heard.events, SizeIs(3));
  ASSERT_THAT(heard.events[0].segments, SizeIs(2));
  EXPECT_THAT(heard.events[0].segments[0].tokens, ElementsAre(time(0), a, time(3)));
  EXPECT_THAT(heard.events[0].segments[1].start, DoubleNear(0.06, 1e-9));
  EXPECT_THAT(heard.events[0].segments[1].end, DoubleNear(0.12, 1e-9));
  EXPECT_THAT(heard.events[0].seconds, DoubleNear(0.12, 1e-9));
  ASSERT_THAT(heard.events[1].segments, SizeIs(1));
  EXPECT_THAT(heard.events[1].segments[0].start, DoubleNear(0.12, 1e-9));
  EXPECT_THAT(heard.events[1].segments[0].end, DoubleNear(0.12 + 0.18, 1e-9));
  // The last window is eight frames long.
  EXPECT_THAT(heard.events[2].segments[0].end, DoubleNear(0.40, 1e-9));
  EXPECT_EQ(heard.events[2].language, kLanguage);
}

TEST(Transcript, WindowsAreToldWhatWasWrittenBefore) {
  const TokenId a(1), b(2);
  TranscriptionOptions options = greedy();
  options.prompt = {b, b};
  const std::vector<Told> attempts = {{{time(0), a, time(5), time(5), b}}, {{time(0), b, time(8)}}};
  const Heard told = hear(25, options, attempts);
  EXPECT_THAT(told.given, ElementsAre(ElementsAre(kPrevious, b, b, kStart, kLanguage, kTranscribe),
                                      ElementsAre(kPrevious, b, b, time(0), a, time(5), kStart,
                                                  kLanguage, kTranscribe)));
  options.with_previous = false;
  options.translate = true;
  const Heard untold = hear(25, options, attempts);
  EXPECT_THAT(untold.given, ElementsAre(ElementsAre(kPrevious, b, b, kStart, kLanguage, kTranslate),
                                        ElementsAre(kStart, kLanguage, kTranslate)));
}

TEST(Transcript, WhatIsToldIsNoMoreThanHalf) {
  TranscriptionOptions options = greedy();
  options.prompt.assign(40, TokenId(4));
  const Heard heard = hear(10, options, {{{time(0), TokenId(1)}}}, 32);
  EXPECT_THAT(heard.given.front(), SizeIs(1 + 15 + 3));
}

TEST(Transcript, RepetitionIsTriedAgainAndNotToldOn) {
  const std::vector<TokenId> again = [] {
    std::vector<TokenId> out(60, TokenId(7));
    out.insert(out.begin(), time(0));
    return out;
  }();
  TranscriptionOptions options = greedy();
  options.temperatures = {0.0f, 0.6f};
  const TokenId a(1), b(2), c(3);
  const Heard heard =
      hear(40, options, {{again}, {{time(0), a, b, c, time(10)}}, {{time(0), c, time(10)}}}, 128);
  EXPECT_THAT(heard.windows, ElementsAre(0, 20));
  EXPECT_THAT(heard.events[0].segments[0].tokens, ElementsAre(time(0), a, b, c, time(10)));
  EXPECT_EQ(heard.events[0].segments[0].temperature, 0.6f);
  EXPECT_THAT(heard.given.back(), ElementsAre(kStart, kLanguage, kTranscribe));
}

TEST(Transcript, UnlikelyTextIsTriedAgainUnlessItIsSilence) {
  const TokenId a(1);
  TranscriptionOptions options = greedy();
  options.temperatures = {0.0f, 0.0f};
  options.min_log_probability = -0.3;
  // Likelier than all timestamps together, and no more.
  const Told unlikely{{time(0), a, time(5)}, 2.2f};
  const Told likely{{time(0), a, time(5)}};
  const Heard heard = hear(20, options, {unlikely, likely});
  ASSERT_THAT(heard.events, SizeIs(1));
  EXPECT_GT(heard.events[0].segments[0].log_probability, -0.1);

  const Told silent{{time(0), a, time(5)}, 2.2f, 20.0f};
  const Heard silence = hear(20, options, {silent});
  ASSERT_THAT(silence.events, SizeIs(1));
  EXPECT_THAT(silence.events[0].segments, IsEmpty());
  EXPECT_THAT(silence.events[0].seconds, DoubleNear(0.20, 1e-9));

  // Words that are certain were said, whatever the start says.
  const Told spoken{{time(0), a, time(5)}, 20.0f, 20.0f};
  EXPECT_THAT(hear(20, options, {spoken}).events[0].segments, SizeIs(1));
}

TEST(Transcript, BlankSegmentsAreLeftOut) {
  const TokenId a(1), blank(0);
  const Heard heard = hear(20, greedy(), {{{time(0), a, blank, time(4), time(4), blank, time(7)}}});
  ASSERT_THAT(heard.events, SizeIs(1));
  EXPECT_THAT(heard.events[0].segments, SizeIs(1));
}

TEST(Transcript, EverythingSuppressedEnds) {
  TranscriptionTokens tokens = all_tokens();
  for (std::size_t i = 0; i < kVocabulary; ++i)
    tokens.suppressed.emplace_back(static_cast<std::int32_t>(i));
  TranscriptionOptions options = greedy();
  options.min_log_probability = options.max_no_speech = std::nullopt;
  Transcript transcript(tokens, options, {20, 20, kSteps, 0.01}, 32,
                        [](auto) { return std::string(); });
  transcript.encoded();
  std::vector<float> last(kVocabulary, 0.0f);
  transcript.decoded({}, last);
  EXPECT_TRUE(transcript.done());
}

}  // namespace
}  // namespace sirocco
