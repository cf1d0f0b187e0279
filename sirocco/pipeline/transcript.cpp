#include "sirocco/pipeline/transcript.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

/// A text that was written at a higher one tells the next window nothing.
constexpr float kMaxToldTemperature = 0.5f;

std::size_t choose(std::span<const float> logits, double temperature, double random) {
  if (temperature <= 0.0)
    return static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
  const double all = log_sum_exp(logits, temperature);
  double sum = 0.0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp(static_cast<double>(logits[i]) / temperature - all);
    if (p <= 0.0) continue;
    sum += p;
    last = i;
    if (random < sum) break;
  }
  return last;
}

constexpr std::string_view kBlanks = " \t\r\n\v\f";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kBlanks) == std::string_view::npos;
}

/// By how much zlib makes a text smaller, without the blanks around it.
double compression(std::string_view text) {
  if (is_blank(text)) return 0.0;
  const std::size_t first = text.find_first_not_of(kBlanks);
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  uLongf size = compressBound(static_cast<uLong>(text.size()));
  std::vector<Bytef> out(size);
  const int result = compress(out.data(), &size, reinterpret_cast<const Bytef*>(text.data()),
                              static_cast<uLong>(text.size()));
  SIROCCO_CHECK(result == Z_OK);
  return static_cast<double>(text.size()) / static_cast<double>(size);
}

}  // namespace

Transcript::Transcript(const TranscriptionTokens& tokens, TranscriptionOptions options,
                       SoundShape sound, std::int32_t max_tokens, TextOf text_of)
    : tokens_(tokens),
      options_(std::move(options)),
      sound_(sound),
      max_tokens_(max_tokens),
      text_of_(std::move(text_of)),
      previous_(options_.prompt) {
  if (sound_.frames > 0) next_ = Next::kEncode;
}

std::int64_t Transcript::window_frames() const {
  return std::min(sound_.window_frames, sound_.frames - window_);
}

void Transcript::encoded() {
  SIROCCO_CHECK(next_ == Next::kEncode);
  if (!tokens_.languages.empty() && !options_.language) {
    next_ = Next::kDetect;
    attempt_ = {.tokens = {tokens_.start}, .given = 1};
    fed_ = 0;
    return;
  }
  trial_ = 0;
  begin_attempt();
}

void Transcript::begin_attempt() {
  next_ = Next::kDecode;
  fed_ = 0;
  attempt_ = {};
  std::vector<TokenId>& all = attempt_.tokens;
  if (tokens_.previous && !previous_.empty()) {
    const auto told =
        std::min<std::size_t>(previous_.size(), static_cast<std::size_t>(max_tokens_ / 2 - 1));
    all.push_back(*tokens_.previous);
    all.insert(all.end(), previous_.end() - static_cast<std::ptrdiff_t>(told), previous_.end());
  }
  attempt_.start = all.size();
  all.push_back(tokens_.start);
  if (options_.language) {
    all.push_back(*options_.language);
    all.push_back(options_.translate ? *tokens_.translate : *tokens_.transcribe);
  }
  attempt_.given = all.size();
}

std::span<const TokenId> Transcript::rows() const {
  return std::span(attempt_.tokens).subspan(static_cast<std::size_t>(fed_));
}

std::optional<std::size_t> Transcript::wants_start() const {
  if (next_ != Next::kDecode || fed_ > 0 || !tokens_.no_speech) return std::nullopt;
  return attempt_.start;
}

void Transcript::detect(std::span<const float> logits) {
  const auto likelihood = [&](const TranscriptionTokens::Language& language) {
    return logits[static_cast<std::size_t>(language.token.value())];
  };
  options_.language = std::ranges::max_element(tokens_.languages, {}, likelihood)->token;
  trial_ = 0;
  begin_attempt();
}

void Transcript::decoded(std::span<const float> start, std::span<float> last) {
  if (next_ == Next::kDetect) return detect(last);
  SIROCCO_CHECK(next_ == Next::kDecode);
  if (!start.empty()) {
    const float found = start[static_cast<std::size_t>(tokens_.no_speech->value())];
    attempt_.no_speech = std::exp(static_cast<double>(found) - log_sum_exp(start));
  }
  apply_transcription_rules(tokens_, written_tokens(), last);
  const double random = uniform(options_.seed, static_cast<std::uint64_t>(written_), 0);
  const std::size_t chosen = choose(last, temperature(), random);
  fed_ = static_cast<std::int32_t>(attempt_.tokens.size());
  ++written_;
  // Where a description suppresses everything, nothing more can be written.
  if (!std::isfinite(last[chosen])) return end_attempt();
  attempt_.log_probability += static_cast<double>(last[chosen]) - log_sum_exp(last);
  const TokenId token(static_cast<std::int32_t>(chosen));
  if (token == tokens_.end) return end_attempt();
  attempt_.tokens.push_back(token);
  if (std::ssize(written_tokens()) >= max_tokens_ / 2 || std::ssize(attempt_.tokens) > max_tokens_)
    end_attempt();
}

void Transcript::end_attempt() {
  std::vector<TokenId> written(written_tokens().begin(), written_tokens().end());
  std::vector<TokenId> text;
  std::ranges::copy_if(written, std::back_inserter(text),
                       [&](TokenId token) { return tokens_.is_text(token); });
  TranscriptionSegment about;
  about.temperature = temperature();
  about.log_probability = attempt_.log_probability / static_cast<double>(written.size() + 1);
  about.compression = compression(text_of_(text));
  about.no_speech = attempt_.no_speech;
  about.window = window_;

  const bool unlikely =
      options_.min_log_probability && about.log_probability < *options_.min_log_probability;
  const bool silent = options_.max_no_speech && about.no_speech > *options_.max_no_speech;
  const bool repeats = options_.max_compression && about.compression > *options_.max_compression;
  const bool silence = silent && unlikely;
  if ((repeats || unlikely) && !silence && trial_ + 1 < options_.temperatures.size()) {
    ++trial_;
    return begin_attempt();
  }
  const bool likely =
      options_.min_log_probability && about.log_probability > *options_.min_log_probability;
  if (silent && !likely) return go_on(window_frames());
  end_window(std::move(about), std::move(written));
}

void Transcript::end_window(TranscriptionSegment about, std::vector<TokenId> tokens) {
  const std::int64_t step = sound_.window_frames / sound_.positions;  // frames of a step of time
  const double begin = static_cast<double>(window_) * sound_.frame_seconds;
  const auto seconds = [&](std::int64_t steps) {
    return static_cast<double>(steps * step) * sound_.frame_seconds;
  };
  const auto steps_of = [&](TokenId token) {
    return std::int64_t{token.value()} - tokens_.first_timestamp.value();
  };
  const auto is_time = [&](std::size_t i) { return tokens_.is_timestamp(tokens[i]); };

  TranscriptionEvent made;
  const auto add = [&](std::size_t first, std::size_t end, double from, double to) {
    TranscriptionSegment segment = about;
    segment.start = from;
    segment.end = to;
    segment.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(first),
                          tokens.begin() + static_cast<std::ptrdiff_t>(end));
    made.segments.push_back(std::move(segment));
  };

  const std::size_t count = tokens.size();
  const bool ends_alone = count >= 2 && !is_time(count - 2) && is_time(count - 1);
  std::vector<std::size_t> ends;  // of segments: between the two of a pair
  for (std::size_t i = 1; i < count; ++i) {
    if (is_time(i - 1) && is_time(i)) ends.push_back(i);
  }
  std::int64_t heard = window_frames();
  if (!ends.empty()) {
    if (ends_alone) ends.push_back(count);
    std::size_t first = 0;
    for (const std::size_t end : ends) {
      add(first, end, begin + seconds(steps_of(tokens[first])),
          begin + seconds(steps_of(tokens[end - 1])));
      first = end;
    }
    // Where the last segment is cut off, the next window begins with it.
    if (!ends_alone) heard = steps_of(tokens[first - 1]) * step;
  } else {
    double length = static_cast<double>(heard) * sound_.frame_seconds;
    const auto time = std::ranges::find_if(tokens.rbegin(), tokens.rend(),
                                           [&](TokenId t) { return tokens_.is_timestamp(t); });
    if (time != tokens.rend() && steps_of(*time) != 0) length = seconds(steps_of(*time));
    add(0, count, begin, begin + length);
  }

  if (!options_.with_previous) previous_.clear();
  for (TranscriptionSegment& segment : made.segments) {
    std::vector<TokenId> text;
    std::ranges::copy_if(segment.tokens, std::back_inserter(text),
                         [&](TokenId token) { return tokens_.is_text(token); });
    if (segment.start == segment.end || is_blank(text_of_(text))) segment.tokens.clear();
    if (options_.with_previous)
      previous_.insert(previous_.end(), segment.tokens.begin(), segment.tokens.end());
  }
  if (about.temperature > kMaxToldTemperature) previous_.clear();
  // More than this is never told.
  if (std::ssize(previous_) > max_tokens_ / 2)
    previous_.erase(previous_.begin(), previous_.end() - max_tokens_ / 2);
  std::erase_if(made.segments, [](const auto& segment) { return segment.tokens.empty(); });
  event_ = std::move(made);
  go_on(heard);
}

void Transcript::go_on(std::int64_t frames) {
  // A window that brings nothing on would be heard for ever.
  window_ += frames > 0 ? std::min(frames, window_frames()) : window_frames();
  next_ = window_ < sound_.frames ? Next::kEncode : Next::kNothing;
  if (!event_) event_.emplace();
  event_->language = options_.language;
  event_->seconds = static_cast<double>(window_) * sound_.frame_seconds;
}

std::optional<TranscriptionEvent> Transcript::next_event() {
  return std::exchange(event_, std::nullopt);
}

}  // namespace sirocco
