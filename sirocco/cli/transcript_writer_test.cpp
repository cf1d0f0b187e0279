#include "sirocco/cli/transcript_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

TranscriptionSegment from_to(double start, double end) {
  TranscriptionSegment out;
  out.start = start;
  out.end = end;
  return out;
}

TEST(TranscriptWriter, SubtitlesAreNumbered) {
  TranscriptWriter srt(TranscriptFormat::kSrt, false, "a.wav");
  EXPECT_EQ(srt.begin(), "");
  EXPECT_EQ(srt.add(from_to(0, 1.5), " Hello."), "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n");
  EXPECT_EQ(srt.add(from_to(1.5, 2), "Ho."), "2\n00:00:01,500 --> 00:00:02,000\nHo.\n\n");
  EXPECT_EQ(srt.end({}, 2), "");
  TranscriptWriter vtt(TranscriptFormat::kVtt, false, "a.wav");
  EXPECT_EQ(vtt.begin(), "WEBVTT\n\n");
  EXPECT_EQ(vtt.add(from_to(0, 1.5), " Hello."), "00:00.000 --> 00:01.500\nHello.\n\n");
}

TEST(TranscriptWriter, TextAndJson) {
  TranscriptWriter text(TranscriptFormat::kText, true, "a.wav");
  EXPECT_EQ(text.add(from_to(0, 1.5), " Hello."), "[00:00.000 --> 00:01.500] Hello.\n");
  TranscriptWriter json(TranscriptFormat::kJson, false, "a.wav");
  EXPECT_EQ(json.add(from_to(0, 1.5), " Hel\xC3"), "");
  EXPECT_THAT(json.end("en", 1.5),
              HasSubstr(R"({"file":"a.wav","language":"en","duration":1.5,"text":"Hel)"));
}

TEST(TranscriptWriter, FormatsHaveNames) {
  EXPECT_EQ(parse_transcript_format("vtt"), TranscriptFormat::kVtt);
  EXPECT_THROW(parse_transcript_format("VTT"), InvalidArgument);
}

}  // namespace
}  // namespace sirocco
