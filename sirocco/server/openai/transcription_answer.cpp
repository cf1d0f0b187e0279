#include "sirocco/server/openai/transcription_answer.hpp"

#include <cmath>
#include <utility>

#include "sirocco/engine/transcript_text.hpp"
#include "sirocco/server/json/writer.hpp"

namespace sirocco::openai {
namespace {

/// Times are told as far as they are known.
double milliseconds(double seconds) { return std::round(seconds * 1000.0) / 1000.0; }

std::string whole_text(const Transcription& said) {
  TranscriptAssembler text;
  for (const SaidSegment& segment : said.segments) text.push(segment.text);
  text.finish();
  return text.text();
}

void write_usage(json::Writer& out, const Transcription& said) {
  out.name("usage").open_object().member("type", "duration");
  out.member("seconds", milliseconds(said.seconds)).close_object();
}

std::string json_body(const Transcription& said) {
  json::Writer out;
  out.open_object().member("text", whole_text(said));
  write_usage(out, said);
  out.close_object();
  return out.take();
}

std::string verbose_body(const Transcription& said) {
  json::Writer out;
  out.open_object().member("task", said.translated ? "translate" : "transcribe");
  // Of a translation it is that of the text.
  out.member("language",
             said.translated || !said.language ? "english" : language_name(*said.language));
  out.member("duration", milliseconds(said.seconds)).member("text", whole_text(said));
  out.name("segments").open_array();
  std::int64_t id = 0;
  for (const auto& [segment, text] : said.segments) {
    out.open_object().member("id", id++).member("seek", segment.window);
    out.member("start", milliseconds(segment.start)).member("end", milliseconds(segment.end));
    out.member("text", text).name("tokens").open_array();
    for (const TokenId token : segment.tokens) out.number(std::int64_t{token.value()});
    out.close_array().name("temperature").number(segment.temperature);
    out.member("avg_logprob", segment.log_probability);
    out.member("compression_ratio", segment.compression);
    out.member("no_speech_prob", segment.no_speech).close_object();
  }
  out.close_array();
  write_usage(out, said);
  out.close_object();
  return out.take();
}

std::string subtitles(const Transcription& said, SubtitleFormat format) {
  std::string out(subtitles_head(format));
  std::size_t number = 0;
  for (const auto& [segment, bytes] : said.segments) {
    TranscriptAssembler text;
    text.push(bytes);
    text.finish();
    out += subtitle(format, ++number, segment, text.text());
  }
  return out;
}

}  // namespace

std::string TranscriptAssembler::told(std::string more) {
  std::string out = std::exchange(held_, {}) + std::move(more);
  constexpr std::string_view kBlanks = " \t\r\n";
  if (text_.empty()) out.erase(0, std::min(out.find_first_not_of(kBlanks), out.size()));
  const std::size_t end = out.find_last_not_of(kBlanks) + 1;  // 0 where there are blanks only
  held_ = out.substr(end);
  out.resize(end);
  text_ += out;
  return out;
}

std::string TranscriptAssembler::push(std::string_view bytes) {
  std::string more;
  characters_.push(bytes, more);
  return told(std::move(more));
}

std::string TranscriptAssembler::finish() {
  std::string more;
  characters_.finish(more);
  return told(std::move(more));
}

TranscriptionBody transcription_body(const Transcription& said, TranscriptFormat format) {
  switch (format) {
    case TranscriptFormat::kJson:
      return {json_body(said), "application/json"};
    case TranscriptFormat::kVerboseJson:
      return {verbose_body(said), "application/json"};
    case TranscriptFormat::kText:
      return {whole_text(said) + "\n", "text/plain; charset=utf-8"};
    case TranscriptFormat::kSrt:
      return {subtitles(said, SubtitleFormat::kSrt), "text/plain; charset=utf-8"};
    case TranscriptFormat::kVtt:
      return {subtitles(said, SubtitleFormat::kVtt), "text/vtt; charset=utf-8"};
  }
  return {};
}

std::string transcript_delta(std::string_view delta) {
  json::Writer out;
  out.open_object().member("type", kTranscriptDelta).member("delta", delta).close_object();
  return out.take();
}

std::string transcript_done(std::string_view text) {
  json::Writer out;
  out.open_object().member("type", kTranscriptDone).member("text", text).close_object();
  return out.take();
}

}  // namespace sirocco::openai
