#include "sirocco/server/openai/transcription_answer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;

Transcription said() {
  Transcription out;
  out.language = "de";
  out.seconds = 3.00049;
  // The first ends within a character.
  TranscriptionSegment first;
  first.end = 1.5;
  first.tokens = {TokenId(7)};
  TranscriptionSegment second;
  second.start = 1.5;
  second.end = 3;
  second.temperature = 0.2f;
  second.log_probability = -0.5;
  second.compression = 1.25;
  second.no_speech = 0.125;
  second.window = 150;
  out.segments = {{first, " Sch\xC3"}, {second, "\xB6n --> hier. "}};
  return out;
}

TEST(TranscriptAssembler, MakesOneTextOfPieces) {
  TranscriptAssembler text;
  EXPECT_EQ(text.push("  "), "");
  EXPECT_EQ(text.push(" Sch\xC3"), "Sch");
  EXPECT_EQ(text.push("\xB6n "),
            "ö"
            "n");
  EXPECT_EQ(text.push("\n"), "");
  EXPECT_EQ(text.push("hier \xC3"), " \nhier");
  EXPECT_EQ(text.finish(), " \uFFFD");
  EXPECT_EQ(text.text(), "Schön \nhier \uFFFD");
}

TEST(TranscriptionAnswer, Json) {
  EXPECT_EQ(Json::parse(transcription_body(said(), TranscriptFormat::kJson).text), Json::parse(R"({
      "text": "Schön --> hier.", "usage": {"type": "duration", "seconds": 3.0}})"));
  const Json verbose = Json::parse(transcription_body(said(), TranscriptFormat::kVerboseJson).text);
  EXPECT_EQ(verbose["task"], "transcribe");
  EXPECT_EQ(verbose["language"], "german");
  EXPECT_EQ(verbose["duration"], 3.0);
  EXPECT_EQ(verbose["text"], "Schön --> hier.");
  ASSERT_EQ(verbose["segments"].size(), 2U);
  EXPECT_EQ(verbose["segments"][0]["text"], " Sch\uFFFD");
  EXPECT_EQ(verbose["segments"][0]["tokens"], Json::parse("[7]"));
  EXPECT_EQ(verbose["segments"][1], Json::parse(R"({"id": 1, "seek": 150, "start": 1.5, "end": 3.0,
      "text": "\ufffdn --> hier. ", "tokens": [], "temperature": 0.2, "avg_logprob": -0.5,
      "compression_ratio": 1.25, "no_speech_prob": 0.125})"));
  Transcription translated = said();
  translated.translated = true;
  const Json of_translated =
      Json::parse(transcription_body(translated, TranscriptFormat::kVerboseJson).text);
  EXPECT_EQ(of_translated["task"], "translate");
  EXPECT_EQ(of_translated["language"], "english");
}

TEST(TranscriptionAnswer, TextAndSubtitles) {
  EXPECT_EQ(transcription_body(said(), TranscriptFormat::kText).text, "Schön --> hier.\n");
  EXPECT_EQ(transcription_body(said(), TranscriptFormat::kSrt).text,
            "1\n00:00:00,000 --> 00:00:01,500\nSch\uFFFD\n\n"
            "2\n00:00:01,500 --> 00:00:03,000\n\uFFFDn -> hier.\n\n");
  EXPECT_EQ(transcription_body(said(), TranscriptFormat::kVtt).text,
            "WEBVTT\n\n00:00.000 --> 00:01.500\nSch\uFFFD\n\n"
            "00:01.500 --> 00:03.000\n\uFFFDn -> hier.\n\n");
  EXPECT_EQ(transcription_body(Transcription(), TranscriptFormat::kText).text, "\n");
}

TEST(TranscriptionAnswer, Events) {
  EXPECT_EQ(Json::parse(transcript_delta("a\"")),
            Json::parse(R"({"type": "transcript.text.delta", "delta": "a\""})"));
  EXPECT_EQ(Json::parse(transcript_done("ab")),
            Json::parse(R"({"type": "transcript.text.done", "text": "ab"})"));
}

TEST(TranscriptionAnswer, LanguagesHaveNames) {
  EXPECT_EQ(language_name("de"), "german");
  EXPECT_EQ(language_name("haw"), "hawaiian");
  EXPECT_EQ(language_name("xx"), "xx");
}

}  // namespace
}  // namespace sirocco::openai
