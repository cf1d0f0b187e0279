#include "sirocco/pipeline/recommended_generation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/recommendations_not_followed.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"

namespace sirocco {
namespace {

template <class Field>
void put(Field& field, double value) {
  field = static_cast<Field>(value);
}

template <auto Field>
void put_sampling(RecommendedGeneration& out, double value) {
  put(out.sampling.*Field, value);
}

template <auto Field>
void put_rule(RecommendedGeneration& out, double value) {
  put(out.sampling.rules.*Field, value);
}

/// None is said by 0 and by what is less.
template <auto Field>
void put_limit(RecommendedGeneration& out, double value) {
  if (value >= 1) out.limits.*Field = static_cast<std::int64_t>(value);
}

/// Off is said by 0 and by what is less.
void put_top_k(RecommendedGeneration& out, double value) {
  put(out.sampling.top_k, std::max(value, 0.0));
}

/// As llama.cpp weakens tokens: prompt and answer alike.
void put_penalty(RecommendedGeneration& out, double value) {
  put(out.sampling.repetition_penalty, value);
  out.sampling.penalize_prompt = true;
}

/// As transformers does: those of the whole sequence.
void put_penalty_of_all(RecommendedGeneration& out, double value) {
  put_penalty(out, value);
  out.sampling.penalty_last_n = -1;
}

/// Whether a value is a word on how freely tokens are chosen.
enum class Says : std::uint8_t { kHowFreely, kElse };

struct Number {
  std::string_view path;
  double least;
  double most;
  bool whole;
  Says says;
  void (*put)(RecommendedGeneration& out, double value);
};

constexpr double kSmallest = std::numeric_limits<float>::min();  // of what has to be above 0
constexpr double kMaxWhole = std::numeric_limits<std::int32_t>::max();

using P = SamplingParams;
using R = LogitRules;
using L = RecommendedLimits;
constexpr Says kHowFreely = Says::kHowFreely;
constexpr Says kElse = Says::kElse;

constexpr std::array kNumbers = {
    Number{"generation_config.temperature", 0, 100, false, kHowFreely,
           put_sampling<&P::temperature>},
    Number{"generation_config.top_k", -kMaxWhole, kMaxWhole, true, kHowFreely, put_top_k},
    Number{"generation_config.top_p", 0, 1, false, kHowFreely, put_sampling<&P::top_p>},
    Number{"generation_config.min_p", 0, 1, false, kHowFreely, put_sampling<&P::min_p>},
    Number{"generation_config.typical_p", kSmallest, 1, false, kHowFreely,
           put_sampling<&P::typical_p>},
    Number{"generation_config.repetition_penalty", kSmallest, 100, false, kElse,
           put_penalty_of_all},
    Number{"generation_config.encoder_repetition_penalty", kSmallest, 100, false, kElse,
           put_rule<&R::prompt_penalty>},
    Number{"generation_config.no_repeat_ngram_size", 0, kMaxWhole, true, kElse,
           put_rule<&R::no_repeat_ngram>},
    Number{"generation_config.encoder_no_repeat_ngram_size", 0, kMaxWhole, true, kElse,
           put_rule<&R::no_repeat_prompt_ngram>},
    Number{"generation_config.min_length", 0, kMaxWhole, true, kElse, put_rule<&R::min_length>},
    Number{"generation_config.min_new_tokens", 0, kMaxWhole, true, kElse,
           put_rule<&R::min_new_tokens>},
    Number{"generation_config.max_length", -kMaxWhole, kMaxWhole, true, kElse,
           put_limit<&L::max_length>},
    Number{"generation_config.max_new_tokens", -kMaxWhole, kMaxWhole, true, kElse,
           put_limit<&L::max_new_tokens>},
    Number{"general.sampling.temp", 0, 100, false, kHowFreely, put_sampling<&P::temperature>},
    Number{"general.sampling.top_k", -kMaxWhole, kMaxWhole, true, kHowFreely, put_top_k},
    Number{"general.sampling.top_p", 0, 1, false, kHowFreely, put_sampling<&P::top_p>},
    Number{"general.sampling.min_p", 0, 1, false, kHowFreely, put_sampling<&P::min_p>},
    Number{"general.sampling.penalty_last_n", -1, kMaxWhole, true, kElse,
           put_sampling<&P::penalty_last_n>},
    Number{"general.sampling.penalty_repeat", kSmallest, 100, false, kElse, put_penalty},
};

struct SuppressedList {
  std::string_view path;
  std::vector<TokenId> LogitRules::*rule;
};
constexpr std::array kSuppressed = {
    SuppressedList{"generation_config.suppress_tokens", &R::suppressed},
    SuppressedList{"generation_config.begin_suppress_tokens", &R::suppressed_at_begin},
    SuppressedList{"tokenizer.ggml.suppress_tokens", &R::suppressed},
};

class Reader {
 public:
  Reader(const Metadata& metadata, std::int64_t vocabulary)
      : metadata_(metadata), paths_(metadata.paths()), vocabulary_(vocabulary) {}

  std::optional<double> number(const Number& row) const {
    const auto value = metadata_.get<double>(row.path);
    // Written so that a NaN is out of range.
    if (value && (!(*value >= row.least && *value <= row.most) ||
                  (row.whole && *value != std::trunc(*value)))) {
      wrong(row.path, fmt::format("{}", *value),
            fmt::format("a {}number from {:g} to {:g}", row.whole ? "whole " : "", row.least,
                        row.most));
    }
    return value;
  }

  /// Whether something is said not to be so.
  bool denied(std::string_view path) const {
    const MetadataValue* const value = metadata_.find(path);
    if (value == nullptr) return false;
    if (const auto* number = std::get_if<std::int64_t>(value)) return *number == 0;
    return !*metadata_.get<bool>(path);
  }

  /// One id, or several; those of the vocabulary only.
  std::vector<TokenId> known_ids(std::string_view path) const {
    std::vector<TokenId> out;
    for (const std::int64_t id : ids(path))
      if (id >= 0 && id < vocabulary_) out.emplace_back(static_cast<std::int32_t>(id));
    return out;
  }
  /// The same, all of which the vocabulary must have.
  std::vector<TokenId> all_ids(std::string_view path) const {
    std::vector<TokenId> out = known_ids(path);
    if (const std::vector<std::int64_t> said = ids(path); said.size() != out.size()) {
      wrong(path, fmt::format("[{}]", fmt::join(said, ", ")),
            fmt::format("ids from 0 to {}", vocabulary_ - 1));
    }
    return out;
  }

  /// Lists of tokens, one below another: those that the vocabulary can spell.
  std::vector<std::vector<TokenId>> sequences(std::string_view path) const {
    refuse_value(path, "a list of lists of token ids");
    std::vector<std::vector<TokenId>> out;
    for (const std::string_view below : paths_below(path)) {
      if (!is_index(below.substr(path.size() + 1)))
        wrong(below, "there", "lists of token ids and nothing else");
      if (auto sequence = known_sequence(below)) out.push_back(*std::move(sequence));
    }
    require_few(path, out.size());
    return out;
  }

  /// [[tokens, bias], …]
  std::vector<SequenceBias> biases(std::string_view path) const {
    constexpr std::string_view kWanted = "pairs of a list of token ids and a number";
    refuse_value(path, kWanted);
    std::vector<SequenceBias> out;
    for (const std::string_view below : paths_below(path)) {
      const std::string_view rest = below.substr(path.size() + 1);
      const std::size_t dot = rest.find('.');
      if (dot == std::string_view::npos || !is_index(rest.substr(0, dot)) ||
          (rest.substr(dot) != ".0" && rest.substr(dot) != ".1")) {
        wrong(below, "there", kWanted);
      }
      if (rest.substr(dot) == ".1") continue;
      const std::string second = std::string(below.substr(0, below.size() - 1)) + "1";
      const auto bias = metadata_.get<double>(second);
      if (!bias || !(*bias <= double{std::numeric_limits<float>::max()}))
        wrong(second, bias ? fmt::format("{}", *bias) : "missing", "a number");
      if (auto sequence = known_sequence(below))
        out.push_back({*std::move(sequence), static_cast<float>(*bias)});
    }
    require_few(path, out.size());
    return out;
  }

  std::optional<LengthDecay> decay(std::string_view path) const {
    const MetadataValue* const value = metadata_.find(path);
    if (value == nullptr) return std::nullopt;
    std::vector<double> pair;
    if (const auto* whole = std::get_if<std::vector<std::int64_t>>(value))
      pair.assign(whole->begin(), whole->end());
    else
      pair = *metadata_.get_array<std::vector<double>>(path);
    if (pair.size() != 2 || !(pair[0] >= 0 && pair[0] <= kMaxWhole) ||
        pair[0] != std::trunc(pair[0]) || !(pair[1] >= kSmallest && pair[1] <= 1000)) {
      wrong(path, fmt::format("[{}]", fmt::join(pair, ", ")),
            "a whole number of tokens, and a factor above 0 and at most 1000");
    }
    return LengthDecay{static_cast<std::int64_t>(pair[0]), static_cast<float>(pair[1])};
  }

  /// One text, or several; empty ones left out.
  std::vector<std::string> texts(std::string_view path) const {
    const MetadataValue* const value = metadata_.find(path);
    if (value == nullptr) return {};
    std::vector<std::string> out;
    if (const auto* text = std::get_if<std::string_view>(value)) {
      out.emplace_back(*text);
    } else {
      const auto& several = *metadata_.get_array<std::vector<std::string_view>>(path);
      out.assign(several.begin(), several.end());
    }
    std::erase_if(out, [](const std::string& text) { return text.empty(); });
    return out;
  }

 private:
  static bool is_index(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  [[noreturn]] void wrong(std::string_view path, std::string_view found,
                          std::string_view expected) const {
    throw FormatError("{}: {} is {}; expected {}", metadata_.origin(), quoted(path), found,
                      expected);
  }

  void refuse_value(std::string_view path, std::string_view expected) const {
    if (metadata_.find(path) != nullptr) wrong(path, "something else", expected);
  }

  void require_few(std::string_view path, std::int64_t count) const {
    if (count > kMaxRuleSequences) {
      wrong(path, fmt::format("a list of {}", count), fmt::format("at most {}", kMaxRuleSequences));
    }
  }

  std::vector<std::string_view> paths_below(std::string_view path) const {
    std::vector<std::string_view> out;
    for (const std::string_view each : paths_) {
      if (each.size() > path.size() && each.starts_with(path) && each[path.size()] == '.')
        out.push_back(each);
    }
    return out;
  }

  std::vector<std::int64_t> ids(std::string_view path) const {
    const MetadataValue* const value = metadata_.find(path);
    if (value == nullptr) return {};
    if (const auto* one = std::get_if<std::int64_t>(value)) return {*one};
    return *metadata_.get_array<std::vector<std::int64_t>>(path);
  }

  /// The tokens at a path; none when the vocabulary lacks one of them.
  std::optional<std::vector<TokenId>> known_sequence(std::string_view path) const {
    const std::int64_t size = std::ssize(ids(path));
    if (size > kMaxRuleSequenceTokens) {
      wrong(path, fmt::format("a list of {}", size),
            fmt::format("at most {} tokens", kMaxRuleSequenceTokens));
    }
    std::vector<TokenId> out = known_ids(path);
    if (std::ssize(out) != size) return std::nullopt;
    return out;
  }

  const Metadata& metadata_;
  std::vector<std::string_view> paths_;
  std::int64_t vocabulary_;
};

void require_stop_strings(const Metadata& metadata, const std::vector<std::string>& stop) {
  try {
    StopMatcher matcher(stop);
  } catch (const InvalidArgument& e) {
    throw FormatError("{}: 'generation_config.stop_strings': {}", metadata.origin(), e.what());
  }
}

}  // namespace

std::optional<std::int64_t> RecommendedLimits::behind(std::int64_t prompt) const {
  if (max_new_tokens) return max_new_tokens;
  if (max_length && *max_length > prompt) return *max_length - prompt;
  return std::nullopt;
}

RecommendedGeneration recommended_generation(const Metadata& metadata, SamplingParams usual,
                                             std::int64_t vocabulary) {
  const Reader reader(metadata, vocabulary);
  const bool greedy = reader.denied("generation_config.do_sample");
  const bool whole = greedy || std::ranges::any_of(kNumbers, [&](const Number& row) {
                       return row.says == kHowFreely && metadata.find(row.path) != nullptr;
                     });
  RecommendedGeneration out;
  if (!whole) out.sampling = std::move(usual);
  for (const Number& row : kNumbers)
    if (const auto value = reader.number(row)) row.put(out, *value);
  if (greedy) out.sampling.temperature = 0.0f;

  LogitRules& rules = out.sampling.rules;
  for (const SuppressedList& list : kSuppressed) {
    const std::vector<TokenId> ids = reader.known_ids(list.path);
    std::vector<TokenId>& all = rules.*list.rule;
    all.insert(all.end(), ids.begin(), ids.end());
  }
  rules.bad_words = reader.sequences("generation_config.bad_words_ids");
  rules.sequence_bias = reader.biases("generation_config.sequence_bias");
  if (const auto first = reader.all_ids("generation_config.forced_bos_token_id"); !first.empty())
    rules.forced_first = first.front();
  rules.forced_last = reader.all_ids("generation_config.forced_eos_token_id");
  rules.length_decay = reader.decay("generation_config.exponential_decay_length_penalty");
  out.stop = reader.texts("generation_config.stop_strings");
  require_stop_strings(metadata, out.stop);

  out.not_followed = recommendations_not_followed(metadata);
  return out;
}

}  // namespace sirocco
