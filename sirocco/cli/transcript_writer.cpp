#include "sirocco/cli/transcript_writer.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::array<std::pair<std::string_view, TranscriptFormat>, 4> kFormats = {
    {{"text", TranscriptFormat::kText},
     {"srt", TranscriptFormat::kSrt},
     {"vtt", TranscriptFormat::kVtt},
     {"json", TranscriptFormat::kJson}}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

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

double rounded(double value, double places) { return std::round(value * places) / places; }

}  // namespace

TranscriptFormat parse_transcript_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  throw InvalidArgument("--format {}: known are text, srt, vtt and json", quoted(name));
}

std::string time_text(double seconds, char before_milliseconds, bool hours) {
  const auto all = static_cast<std::int64_t>(std::llround(seconds * 1000.0));
  std::string out;
  if (hours || all >= 3'600'000) out = fmt::format("{:02}:", all / 3'600'000);
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}{}{:03}", all / 60'000 % 60, all / 1000 % 60,
                 before_milliseconds, all % 1000);
  return out;
}

std::string TranscriptWriter::begin() const {
  return format_ == TranscriptFormat::kVtt ? "WEBVTT\n\n" : "";
}

std::string TranscriptWriter::add(const TranscriptionSegment& segment, std::string_view text) {
  ++count_;
  const std::string_view said = trimmed(text);
  switch (format_) {
    case TranscriptFormat::kText:
      if (!timestamps_) return fmt::format("{}\n", said);
      return fmt::format("[{} --> {}] {}\n", time_text(segment.start, '.', false),
                         time_text(segment.end, '.', false), said);
    case TranscriptFormat::kSrt:
      return fmt::format("{}\n{} --> {}\n{}\n\n", count_, time_text(segment.start, ',', true),
                         time_text(segment.end, ',', true), for_subtitles(said));
    case TranscriptFormat::kVtt:
      return fmt::format("{} --> {}\n{}\n\n", time_text(segment.start, '.', false),
                         time_text(segment.end, '.', false), for_subtitles(said));
    case TranscriptFormat::kJson:
      said_.push_back({segment, std::string(text)});
      return "";
  }
  return "";
}

std::string TranscriptWriter::end(const std::optional<std::string>& language,
                                  double seconds) const {
  if (format_ != TranscriptFormat::kJson) return "";
  nlohmann::ordered_json out;
  out["file"] = file_;
  if (language) out["language"] = *language;
  out["duration"] = rounded(seconds, 1000.0);
  std::string all;
  nlohmann::ordered_json segments = nlohmann::ordered_json::array();
  for (const auto& [segment, text] : said_) {
    all += text;
    std::vector<std::int32_t> tokens;
    for (const TokenId token : segment.tokens) tokens.push_back(token.value());
    segments.push_back({{"id", segments.size()},
                        {"start", rounded(segment.start, 1000.0)},
                        {"end", rounded(segment.end, 1000.0)},
                        {"text", text},
                        {"tokens", tokens},
                        {"temperature", rounded(segment.temperature, 1000.0)},
                        {"avg_logprob", segment.log_probability},
                        {"compression_ratio", segment.compression},
                        {"no_speech_prob", segment.no_speech}});
  }
  out["text"] = trimmed(all);
  out["segments"] = std::move(segments);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace sirocco
