#include "sirocco/server/generation.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "sirocco/pipeline/stop_matcher.hpp"

namespace sirocco {
namespace {

using json::Boolean;
using json::Described;
using json::Field;
using json::Integer;
using json::ListOf;
using json::Member;
using json::Number;
using json::put;
using json::Text;

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

constexpr std::array kSampling = {
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

constexpr std::array kModel = {
    Member<Generation>{"model", Text{1024}, put<&Generation::model>, "which model answers"},
};

constexpr std::array kGeneration = {
    Member<Generation>{"stream", Boolean(), put<&Generation::stream>,
                       "the answer comes piece by piece, as server-sent events"},
    Member<Generation>{"ignore_eos", Boolean(), put<&Generation::ignore_end>,
                       "go on behind the model's own end of the answer"},
    Member<Generation>{"cache_prompt", Boolean(), put<&Generation::use_prefixes>,
                       "false: the cache of prompts isn't used"},
    Member<Generation>{
        "priority", Integer{-kMaxInt, kMaxInt}, put<&Generation::priority>,
        "requests with a lower one go first, one step as if they had come 30 s earlier"},
    Member<Generation>{"timeout", Number{0, 86400, true}, put<&Generation::timeout_s>,
                       "seconds, from the arrival of the request on, after which the answer ends "
                       "where it is"},
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

std::span<const Member<Generation>> model_members() { return kModel; }
std::span<const Member<AskedSampling>> sampling_members() { return kSampling; }
std::span<const Member<Generation>> generation_members() { return kGeneration; }

void put_stop(Generation& out, const Field& field) {
  if (field.value().as<std::string>() != nullptr) {
    out.stop.push_back(stop_string(field));
    return;
  }
  const json::Array& strings = field.list({"stop strings", 0, StopMatcher::kMaxStrings});
  for (std::size_t i = 0; i < strings.size(); ++i) out.stop.push_back(stop_string(field.item(i)));
}

void read_common_members(json::MemberReader& reader, Generation& out) {
  reader.read(out, model_members());
  reader.read(out.sampling, sampling_members());
  reader.read(out, generation_members());
  const auto min_tokens = reader.find("min_tokens");
  if (min_tokens && out.max_tokens && *out.sampling.min_new_tokens > *out.max_tokens)
    min_tokens->fail("invalid_value", "found more tokens than the answer may have at most");
}

}  // namespace sirocco
