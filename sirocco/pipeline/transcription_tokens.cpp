#include "sirocco/pipeline/transcription_tokens.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr std::string_view kPrefix = "generation_config.";
constexpr std::string_view kLanguages = "generation_config.lang_to_id.";

/// Reads ids, each checked once.
class IdReader {
 public:
  IdReader(const Metadata& metadata, std::int64_t vocabulary)
      : metadata_(metadata), vocabulary_(vocabulary) {}

  TokenId checked(std::string_view path, std::int64_t id) const {
    if (id < 0 || id >= vocabulary_) {
      throw FormatError("{}: {} is {}; the vocabulary has {} tokens", metadata_.origin(),
                        quoted(path), id, vocabulary_);
    }
    return TokenId(static_cast<std::int32_t>(id));
  }
  std::optional<TokenId> find(std::string_view name) const {
    const std::string path = fmt::format("{}{}", kPrefix, name);
    const auto id = metadata_.get<std::int64_t>(path);
    return id ? std::optional(checked(path, *id)) : std::nullopt;
  }
  TokenId require(std::string_view name) const {
    if (const auto id = find(name)) return *id;
    throw FormatError(
        "{}: no {} that says which token that is; generation_config.json of the model that this "
        "one was made from has it",
        metadata_.origin(), quoted(fmt::format("{}{}", kPrefix, name)));
  }
  std::vector<TokenId> list(std::string_view name) const {
    const std::string path = fmt::format("{}{}", kPrefix, name);
    std::vector<TokenId> out;
    if (const auto* ids = metadata_.get_array<std::vector<std::int64_t>>(path))
      for (const std::int64_t id : *ids) out.push_back(checked(path, id));
    return out;
  }

 private:
  const Metadata& metadata_;
  std::int64_t vocabulary_;
};

/// "<|en|>" without its marks.
std::string_view code_of(std::string_view text) {
  if (text.starts_with("<|") && text.ends_with("|>") && text.size() > 4)
    return text.substr(2, text.size() - 4);
  return text;
}

void forbid(std::span<float> logits, std::int32_t begin, std::int32_t end) {
  const auto size = static_cast<std::int32_t>(logits.size());
  for (std::int32_t i = std::max(begin, 0); i < std::min(end, size); ++i)
    logits[static_cast<std::size_t>(i)] = kNever;
}
void forbid(std::span<float> logits, std::span<const TokenId> tokens) {
  for (const TokenId token : tokens) forbid(logits, token.value(), token.value() + 1);
}

}  // namespace

const TranscriptionTokens::Language& TranscriptionTokens::language(std::string_view code) const {
  const auto found = std::ranges::find(languages, code, &Language::code);
  if (found != languages.end()) return *found;
  std::vector<std::string_view> known;
  for (const Language& l : languages) known.push_back(l.code);
  if (known.empty()) {
    throw InvalidArgument("language {}: the model knows but one language, so none is to be chosen",
                          quoted(code));
  }
  throw InvalidArgument("the model doesn't know language {}; known are {}", quoted(code),
                        fmt::join(known, ", "));
}

const TranscriptionTokens::Language* TranscriptionTokens::find_language(TokenId token) const {
  const auto found = std::ranges::find(languages, token, &Language::token);
  return found == languages.end() ? nullptr : &*found;
}

TranscriptionTokens read_transcription_tokens(const Metadata& metadata, std::int64_t vocabulary) {
  const IdReader ids(metadata, vocabulary);
  TranscriptionTokens out;
  out.end = ids.require("eos_token_id");
  out.start = ids.require("decoder_start_token_id");
  out.no_timestamps = ids.require("no_timestamps_token_id");
  // In all published models these stand around it.
  out.first_timestamp = ids.checked("the first timestamp", out.no_timestamps.value() + 1);
  if (out.no_timestamps.value() > 0) out.no_speech = TokenId(out.no_timestamps.value() - 1);
  out.previous = ids.find("prev_sot_token_id");
  out.suppressed = ids.list("suppress_tokens");
  out.suppressed_first = ids.list("begin_suppress_tokens");
  out.max_first_timestamp = static_cast<std::int32_t>(std::clamp<std::int64_t>(
      metadata.get_or<std::int64_t>(fmt::format("{}max_initial_timestamp_index", kPrefix), 50), 0,
      vocabulary));
  if (metadata.get_or<bool>(fmt::format("{}is_multilingual", kPrefix), false)) {
    out.transcribe = ids.require("task_to_id.transcribe");
    out.translate = ids.require("task_to_id.translate");
    for (const std::string_view path : metadata.paths()) {
      if (!path.starts_with(kLanguages)) continue;
      out.languages.push_back({std::string(code_of(path.substr(kLanguages.size()))),
                               ids.checked(path, metadata.require<std::int64_t>(path))});
    }
    std::ranges::sort(out.languages, {}, [](const auto& l) { return l.token.value(); });
    if (out.languages.empty()) {
      throw FormatError("{}: no languages in {}, though it says that there are several",
                        metadata.origin(), quoted(kLanguages.substr(0, kLanguages.size() - 1)));
    }
  }
  if (out.first_timestamp.value() <= out.end.value()) {
    throw FormatError("{}: timestamps begin at {}, before the end of texts, {}", metadata.origin(),
                      out.first_timestamp.value(), out.end.value());
  }
  return out;
}

double log_sum_exp(std::span<const float> values, double temperature) {
  const double largest = *std::ranges::max_element(values);
  if (!std::isfinite(largest)) return largest;
  double sum = 0.0;
  for (const float value : values)
    sum += std::exp((static_cast<double>(value) - largest) / temperature);
  return largest / temperature + std::log(sum);
}

void apply_transcription_rules(const TranscriptionTokens& tokens, std::span<const TokenId> written,
                               std::span<float> logits) {
  const auto size = static_cast<std::int32_t>(logits.size());
  const std::int32_t times = tokens.first_timestamp.value();
  if (written.empty()) forbid(logits, tokens.suppressed_first);
  forbid(logits, tokens.suppressed);
  forbid(logits, std::span(&tokens.no_timestamps, 1));

  if (written.empty()) {
    forbid(logits, 0, times);
    forbid(logits, times + tokens.max_first_timestamp + 1, size);
  } else {
    const bool behind_one = tokens.is_timestamp(written.back());
    const bool behind_pair =
        behind_one && (written.size() < 2 || tokens.is_timestamp(written[written.size() - 2]));
    if (behind_pair)
      forbid(logits, times, size);
    else if (behind_one)
      forbid(logits, 0, tokens.end.value());
    const auto last = std::ranges::find_if(written.rbegin(), written.rend(), [&](TokenId token) {
      return tokens.is_timestamp(token);
    });
    // The second of a pair may be the first again; all others come later.
    if (last != written.rend())
      forbid(logits, times, last->value() + (behind_one && !behind_pair ? 0 : 1));
  }

  const auto text = logits.first(static_cast<std::size_t>(times));
  const auto later = logits.subspan(static_cast<std::size_t>(times));
  if (log_sum_exp(later) > *std::ranges::max_element(text)) forbid(logits, 0, times);
}

}  // namespace sirocco
