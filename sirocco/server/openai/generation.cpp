#include "sirocco/server/openai/generation.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "sirocco/pipeline/stop_matcher.hpp"

namespace sirocco::openai {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::ListOf;
using json::Member;
using json::Number;
using json::ObjectOf;
using json::OneOf;
using json::put;
using json::Text;
using json::UnheededMember;

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

/// As llama.cpp and vLLM, whose -1 means all.
void put_top_k(AskedSampling& out, const Field& field) {
  out.top_k = static_cast<std::int32_t>(std::max<std::int64_t>(field.integer(), 0));
}

/// -1 is another seed for each request, as in llama.cpp and vLLM.
void put_seed(AskedSampling& out, const Field& field) {
  const std::int64_t seed = field.integer();
  if (seed != -1) out.seed = static_cast<std::uint64_t>(seed);
}

/// `false` forbids the token, as in llama.cpp.
float bias_of(const Field& field) {
  if (field.value() == json::Value(false)) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(field.number({-100, 100}));
}

TokenId token_of_name(std::string_view name, const Field& field) {
  std::int32_t id = -1;
  const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (status != std::errc() || end != name.data() + name.size() || id < 0)
    field.fail("invalid_value", "the name isn't a token's id");
  return TokenId(id);
}

void put_logit_bias(AskedSampling& out, const Field& field) {
  if (const json::Object* const biases = field.value().as<json::Object>()) {
    for (const auto& bias : *biases) {
      const Field value = field.member(bias);
      out.logit_bias.push_back({token_of_name(bias.first, value), bias_of(value)});
      if (out.logit_bias.size() > kMaxLogitBiases) break;
    }
  } else if (const json::Array* const pairs = field.value().as<json::Array>()) {
    for (std::size_t i = 0; i < pairs->size() && out.logit_bias.size() <= kMaxLogitBiases; ++i) {
      const Field pair = field.item(i);
      pair.require(ListOf{"a token's id and its bias", 2, 2});
      const auto id = static_cast<std::int32_t>(pair.item(0).integer({0, kMaxInt}));
      out.logit_bias.push_back({TokenId(id), bias_of(pair.item(1))});
    }
  } else {
    field.fail_expecting("invalid_type", "an object of biases by a token's id");
  }
  if (out.logit_bias.size() > kMaxLogitBiases) {
    field.fail("invalid_value",
               "there are more than " + std::to_string(kMaxLogitBiases) + " biases");
  }
  std::ranges::sort(out.logit_bias, {}, &LogitBias::token);
  const auto twice = std::ranges::adjacent_find(out.logit_bias, {}, &LogitBias::token);
  if (twice != out.logit_bias.end()) {
    field.fail("invalid_value",
               "the token " + std::to_string(twice->token.value()) + " has two biases");
  }
}

constexpr Text kStopString{StopMatcher::kMaxBytes};

std::string stop_string(const Field& field) {
  const std::string& text = field.text(kStopString);
  if (text.empty()) field.fail("invalid_value", "a stop string can't be empty");
  return text;
}

void put_stop(Generation& out, const Field& field) {
  if (field.value().as<std::string>() != nullptr) {
    out.stop.push_back(stop_string(field));
    return;
  }
  const json::Array& strings = field.list({"stop strings", 0, StopMatcher::kMaxStrings});
  for (std::size_t i = 0; i < strings.size(); ++i) out.stop.push_back(stop_string(field.item(i)));
}

constexpr std::array kStreamOptions = {
    Member<Generation>{"include_usage", Boolean(), put<&Generation::include_usage>,
                       "one more chunk, without choices, tells the usage"},
};
constexpr std::array kUnheededStreamOptions = {
    UnheededMember{"include_obfuscation", Boolean(), "chunks are never padded"},
    UnheededMember{"continuous_usage_stats", OneOf{"[false]"}, "usage is told once"},
};

void put_stream_options(Generation& out, const Field& field) {
  json::MemberReader reader(field);
  reader.read(out, kStreamOptions);
  reader.pass(kUnheededStreamOptions);
  reader.finish();
}

constexpr std::array kSampling = {
    Member<AskedSampling>{"temperature", Number{0, 100}, put<&AskedSampling::temperature>,
                          "how freely tokens are chosen; 0: always the likeliest"},
    Member<AskedSampling>{"top_p", Number{0, 1}, put<&AskedSampling::top_p>,
                          "choose among the likeliest that hold this probability; 1: all"},
    Member<AskedSampling>{"top_k", Integer{-1, kMaxInt}, put_top_k,
                          "choose among so many likeliest tokens; 0 and -1: all"},
    Member<AskedSampling>{"min_p", Number{0, 1}, put<&AskedSampling::min_p>,
                          "leave out tokens below this part of the likeliest's probability"},
    Member<AskedSampling>{"typical_p", Number{0, 1, true}, put<&AskedSampling::typical_p>,
                          "choose among the most typical that hold this probability; 1: all"},
    Member<AskedSampling>{"repetition_penalty", Number{0, 100, true},
                          put<&AskedSampling::repetition_penalty>,
                          "weaken tokens that were there lately; 1: don't"},
    Member<AskedSampling>{"repeat_penalty", Number{0, 100, true},
                          put<&AskedSampling::repetition_penalty>,
                          "another name for repetition_penalty"},
    Member<AskedSampling>{"repeat_last_n", Integer{-1, kMaxInt},
                          put<&AskedSampling::penalty_last_n>,
                          "how many tokens the penalties look back on; -1: all, 0: no penalties"},
    Member<AskedSampling>{"presence_penalty", Number{-2, 2}, put<&AskedSampling::presence_penalty>,
                          "weaken tokens that were there"},
    Member<AskedSampling>{"frequency_penalty", Number{-2, 2},
                          put<&AskedSampling::frequency_penalty>,
                          "weaken tokens each time that they come"},
    Member<AskedSampling>{"logit_bias",
                          Described{"an object of numbers from -100 to 100, or false, by a token's "
                                    "id; or an array of [id, bias]"},
                          put_logit_bias, "added to a token's logit; false forbids it"},
    Member<AskedSampling>{"min_tokens", Integer{0, kMaxTokens}, put<&AskedSampling::min_new_tokens>,
                          "the answer doesn't end before so many tokens"},
    Member<AskedSampling>{"seed", Integer(), put_seed,
                          "the beginning of the random numbers, to repeat an answer; -1: another "
                          "one each time"},
};

constexpr std::array kGeneration = {
    Member<Generation>{"model", Text{1024}, put<&Generation::model>, "which model answers"},
    Member<Generation>{"stop",
                       Described{"a text, or an array of at most 64, each of 1 to 1024 bytes"},
                       put_stop, "the answer ends before this text"},
    Member<Generation>{"stream", Boolean(), put<&Generation::stream>,
                       "the answer comes piece by piece, as server-sent events"},
    Member<Generation>{"ignore_eos", Boolean(), put<&Generation::ignore_end>,
                       "go on behind the model's own end of the answer"},
    Member<Generation>{"cache_prompt", Boolean(), put<&Generation::use_prefixes>,
                       "false: the cache of prompts isn't used"},
    Member<Generation>{"priority", Integer{-kMaxInt, kMaxInt}, put<&Generation::priority>,
                       "requests with a lower one go first"},
    Member<Generation>{"timeout", Number{0, 86400, true}, put<&Generation::timeout_s>,
                       "seconds, from the arrival of the request on, after which the answer ends "
                       "where it is"},
};

constexpr std::array kChoices = {
    Member<Generation>{"n", Integer{1, kMaxChoices}, put<&Generation::choices>,
                       "how many answers to the prompt"},
    Member<Generation>{"stream_options", ObjectOf{"members"}, put_stream_options,
                       "include_usage: one more chunk, without choices, tells the usage"},
};

constexpr std::array kUnkept = {
    UnheededMember{"metadata", ObjectOf{"texts"}, "nothing of a request is kept"},
    UnheededMember{"store", OneOf{"[false]"}, "nothing of a request is kept"},
};

// Members of OpenAI's own, of llama.cpp's and of vLLM's that clients send without meaning more by
// it than what happens anyway.
constexpr std::array kUnheeded = {
    UnheededMember{"user", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"safety_identifier", Text(), "it is for statistics that nobody keeps"},
    UnheededMember{"service_tier", OneOf{R"(["auto", "default"])"}, "there is one tier"},
    UnheededMember{"prompt_cache_key", Text(), "cached prompts are found by their content"},
    UnheededMember{"prompt_cache_retention", OneOf{R"(["in_memory", "in-memory"])"},
                   "cached prompts stay as long as there is memory"},
    UnheededMember{"use_beam_search", OneOf{"[false]"}, "there is no beam search"},
    UnheededMember{"length_penalty", OneOf{"[1]"}, "there is no beam search"},
    UnheededMember{"early_stopping", OneOf{"[false]"}, "there is no beam search"},
    UnheededMember{"stop_token_ids", OneOf{"[[]]"}, "an answer ends at stop strings only"},
    UnheededMember{"include_stop_str_in_output", OneOf{"[false]"},
                   "a stop string is no part of the answer"},
    UnheededMember{"skip_special_tokens", OneOf{"[true]"},
                   "control tokens are no part of the answer's text"},
    UnheededMember{"spaces_between_special_tokens", Boolean(),
                   "control tokens are no part of the answer's text"},
    UnheededMember{"bad_words", OneOf{"[[]]"}, "words can't be forbidden"},
    UnheededMember{"allowed_token_ids", OneOf{"[[]]"}, "tokens can't be allowed one by one"},
    UnheededMember{"prompt_logprobs", OneOf{"[0]"}, "the prompt's aren't told"},
    UnheededMember{"return_token_ids", OneOf{"[false]"}, "ids aren't told"},
    UnheededMember{"return_tokens_as_token_ids", OneOf{"[false]"}, "tokens are told as texts"},
    UnheededMember{"truncate_prompt_tokens", OneOf{"[-1]"}, "a prompt is never cut"},
    UnheededMember{"timings_per_token", OneOf{"[false]"}, "timings come at the end"},
    UnheededMember{"grammar", OneOf{R"([""])"}, "answers aren't constrained"},
    UnheededMember{"json_schema", OneOf{"[{}]"}, "answers aren't constrained"},
    UnheededMember{"guided_json", OneOf{"[{}]"}, "answers aren't constrained"},
    UnheededMember{"mirostat", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"mirostat_tau", Number(), "there is no such sampler"},
    UnheededMember{"mirostat_eta", Number(), "there is no such sampler"},
    UnheededMember{"dynatemp_range", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"dynatemp_exponent", Number(), "there is no such sampler"},
    UnheededMember{"xtc_probability", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"xtc_threshold", Number{0, 1}, "there is no such sampler"},
    UnheededMember{"dry_multiplier", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"tfs_z", OneOf{"[1]"}, "there is no such sampler"},
    UnheededMember{"top_a", OneOf{"[0]"}, "there is no such sampler"},
    UnheededMember{"top_n_sigma", OneOf{"[-1, 0]"}, "there is no such sampler"},
};

}  // namespace

SamplingParams AskedSampling::over(SamplingParams usual, std::uint64_t fresh_seed) const {
  usual.temperature = temperature.value_or(usual.temperature);
  usual.top_p = top_p.value_or(usual.top_p);
  usual.min_p = min_p.value_or(usual.min_p);
  usual.typical_p = typical_p.value_or(usual.typical_p);
  usual.repetition_penalty = repetition_penalty.value_or(usual.repetition_penalty);
  usual.presence_penalty = presence_penalty.value_or(usual.presence_penalty);
  usual.frequency_penalty = frequency_penalty.value_or(usual.frequency_penalty);
  usual.top_k = top_k.value_or(usual.top_k);
  usual.penalty_last_n = penalty_last_n.value_or(usual.penalty_last_n);
  usual.rules.min_new_tokens = min_new_tokens.value_or(usual.rules.min_new_tokens);
  usual.logit_bias.insert(usual.logit_bias.end(), logit_bias.begin(), logit_bias.end());
  usual.seed = seed.value_or(fresh_seed);
  return usual;
}

std::span<const Member<AskedSampling>> sampling_members() { return kSampling; }
std::span<const Member<Generation>> generation_members() { return kGeneration; }
std::span<const UnheededMember> unheeded_members() { return kUnheeded; }
std::span<const Member<Generation>> choice_members() { return kChoices; }
std::span<const UnheededMember> unkept_members() { return kUnkept; }

void put_max_tokens(Generation& out, const Field& field) {
  constexpr Integer kRange{-1, kMaxTokens};
  const auto tokens = field.is(kRange) ? field.integer(kRange) : 0;
  if (tokens == 0) field.fail_expecting("invalid_value", kMaxTokensWords);
  if (tokens > 0) out.max_tokens = tokens;
}

void read_generation(json::MemberReader& reader, Generation& out) {
  reader.read(out.sampling, sampling_members());
  reader.read(out, generation_members());
  reader.pass(unheeded_members());

  if (const auto options = reader.find("stream_options"); options && !out.stream)
    options->fail("invalid_value", "there is no stream; expected stream to be true");
  const auto min_tokens = reader.find("min_tokens");
  if (min_tokens && out.max_tokens && *out.sampling.min_new_tokens > *out.max_tokens)
    min_tokens->fail("invalid_value", "found more tokens than the answer may have at most");
}

void read_choices(json::MemberReader& reader, Generation& out) {
  reader.read(out, choice_members());
  reader.pass(unkept_members());
}

}  // namespace sirocco::openai
