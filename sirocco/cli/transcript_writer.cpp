#include "sirocco/cli/transcript_writer.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/transcript_text.hpp"

namespace sirocco {
namespace {

constexpr std::array<std::pair<std::string_view, TranscriptFormat>, 4> kFormats = {
    {{"text", TranscriptFormat::kText},
     {"srt", TranscriptFormat::kSrt},
     {"vtt", TranscriptFormat::kVtt},
     {"json", TranscriptFormat::kJson}}};

double rounded(double value, double places) { return std::round(value * places) / places; }

}  // namespace

TranscriptFormat parse_transcript_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  throw InvalidArgument("--format {}: known are text, srt, vtt and json", quoted(name));
}

std::string TranscriptWriter::begin() const {
  if (format_ != TranscriptFormat::kVtt) return "";
  return std::string(subtitles_head(SubtitleFormat::kVtt));
}

std::string TranscriptWriter::add(const TranscriptionSegment& segment, std::string_view text) {
  ++count_;
  const std::string_view said = without_blanks(text);
  switch (format_) {
    case TranscriptFormat::kText:
      if (!timestamps_) return fmt::format("{}\n", said);
      return fmt::format("[{} --> {}] {}\n", time_text(segment.start, '.', false),
                         time_text(segment.end, '.', false), said);
    case TranscriptFormat::kSrt:
      return subtitle(SubtitleFormat::kSrt, count_, segment, text);
    case TranscriptFormat::kVtt:
      return subtitle(SubtitleFormat::kVtt, count_, segment, text);
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
  out["text"] = without_blanks(all);
  out["segments"] = std::move(segments);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace sirocco
