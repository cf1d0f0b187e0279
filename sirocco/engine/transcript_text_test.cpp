#include "sirocco/engine/transcript_text.hpp"

#include <gtest/gtest.h>

namespace sirocco {
namespace {

TranscriptionSegment from_to(double start, double end) {
  TranscriptionSegment out;
  out.start = start;
  out.end = end;
  return out;
}

TEST(TranscriptText, TimesHaveHoursWhereThereAreSomeOrTheyAreWanted) {
  EXPECT_EQ(time_text(0.0, '.', false), "00:00.000");
  EXPECT_EQ(time_text(59.9996, '.', false), "01:00.000");
  EXPECT_EQ(time_text(61.25, ',', true), "00:01:01,250");
  EXPECT_EQ(time_text(3725.5, '.', false), "01:02:05.500");
}

TEST(TranscriptText, SubtitlesAreNumberedAndHoldNoArrow) {
  constexpr auto kSrt = SubtitleFormat::kSrt;
  constexpr auto kVtt = SubtitleFormat::kVtt;
  EXPECT_EQ(subtitles_head(kSrt), "");
  EXPECT_EQ(subtitle(kSrt, 1, from_to(0, 1.5), " Hello."),
            "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n");
  EXPECT_EQ(subtitle(kSrt, 2, from_to(1.5, 2), " a --> b\nc"),
            "2\n00:00:01,500 --> 00:00:02,000\na -> b c\n\n");
  EXPECT_EQ(subtitles_head(kVtt), "WEBVTT\n\n");
  EXPECT_EQ(subtitle(kVtt, 1, from_to(0, 1.5), " Hello."), "00:00.000 --> 00:01.500\nHello.\n\n");
}

}  // namespace
}  // namespace sirocco
