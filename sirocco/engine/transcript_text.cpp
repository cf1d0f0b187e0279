#include "sirocco/engine/transcript_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace sirocco {
namespace {

/// What would end a cue, or begin another, in subtitles.
std::string for_subtitles(std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; (at = out.find("-->", at)) != std::string::npos;)
    out.replace(at, 3, "->");
  for (char& c : out) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return out;
}

}  // namespace

std::string time_text(double seconds, char before_milliseconds, bool hours) {
  const auto all = static_cast<std::int64_t>(std::llround(seconds * 1000.0));
  std::string out;
  if (hours || all >= 3'600'000) out = fmt::format("{:02}:", all / 3'600'000);
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}{}{:03}", all / 60'000 % 60, all / 1000 % 60,
                 before_milliseconds, all % 1000);
  return out;
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

std::string_view subtitles_head(SubtitleFormat format) {
  return format == SubtitleFormat::kVtt ? "WEBVTT\n\n" : "";
}

std::string subtitle(SubtitleFormat format, std::size_t number, const TranscriptionSegment& segment,
                     std::string_view text) {
  const std::string said = for_subtitles(without_blanks(text));
  if (format == SubtitleFormat::kVtt) {
    return fmt::format("{} --> {}\n{}\n\n", time_text(segment.start, '.', false),
                       time_text(segment.end, '.', false), said);
  }
  return fmt::format("{}\n{} --> {}\n{}\n\n", number, time_text(segment.start, ',', true),
                     time_text(segment.end, ',', true), said);
}

}  // namespace sirocco
