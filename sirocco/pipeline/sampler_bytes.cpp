#include "sirocco/pipeline/sampler_bytes.hpp"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace sirocco {
namespace {

constexpr std::uint64_t kMaxMembers = std::uint64_t{1}
                                      << 24;  // of a list, for which bytes are there

struct Writing {
  ByteWriter& bytes;
  template <class T>
  void value(const T& v, std::string_view) {
    bytes.write(v);
  }
  template <class T>
  void optional(const std::optional<T>& v, std::string_view) {
    bytes.write_optional(v, [&](const T& value) { bytes.write(value); });
  }
  void values(const std::vector<TokenId>& v, std::string_view) { bytes.write_values(v); }
  template <class T, class F>
  void each(const std::vector<T>& members, std::string_view, F visit) {
    bytes.write_each(members, visit);
  }
};

struct Reading {
  ByteReader& bytes;
  template <class T>
  void value(T& v, std::string_view what) {
    v = bytes.read<T>(what);
  }
  void value(bool& v, std::string_view what) { v = bytes.read_bool(what); }
  template <class T>
  void optional(std::optional<T>& v, std::string_view what) {
    v = bytes.read_optional([&] { return bytes.read<T>(what); }, what);
  }
  void values(std::vector<TokenId>& v, std::string_view what) {
    bytes.read_values(v, kMaxMembers, what);
  }
  template <class T, class F>
  void each(std::vector<T>& members, std::string_view what, F visit) {
    members = bytes.read_each(
        [&] {
          T member;
          visit(member);
          return member;
        },
        kMaxMembers, what);
  }
};

// One list for both ways, so that what is read is what was written.
template <class Way, class Params, class Bounds>
void visit_sampler(Way way, Params& p, Bounds& bounds) {
  way.each(p.logit_bias, "logit biases", [&](auto& bias) {
    way.value(bias.token, "a biased token");
    way.value(bias.bias, "a bias");
  });
  auto& rules = p.rules;
  way.value(rules.known_tokens, "known tokens");
  way.each(rules.sequence_bias, "sequence biases", [&](auto& bias) {
    way.values(bias.tokens, "a biased sequence");
    way.value(bias.bias, "a sequence's bias");
  });
  way.value(rules.prompt_penalty, "prompt penalty");
  way.value(rules.no_repeat_ngram, "no_repeat_ngram");
  way.value(rules.no_repeat_prompt_ngram, "no_repeat_prompt_ngram");
  way.each(rules.bad_words, "bad words", [&](auto& word) { way.values(word, "a bad word"); });
  way.value(rules.min_length, "min_length");
  way.value(rules.min_new_tokens, "min_new_tokens");
  way.optional(rules.forced_first, "forced_first");
  way.values(rules.forced_last, "forced_last");
  bool decays = rules.length_decay.has_value();
  way.value(decays, "length decay");
  if (decays) {
    LengthDecay decay = rules.length_decay.value_or(LengthDecay{});
    way.value(decay.start, "start of the length decay");
    way.value(decay.factor, "factor of the length decay");
    if constexpr (!std::is_const_v<Params>) rules.length_decay = decay;
  }
  way.values(rules.suppressed, "suppressed");
  way.values(rules.suppressed_at_begin, "suppressed_at_begin");
  way.value(p.repetition_penalty, "repetition_penalty");
  way.value(p.presence_penalty, "presence_penalty");
  way.value(p.frequency_penalty, "frequency_penalty");
  way.value(p.penalty_last_n, "penalty_last_n");
  way.value(p.penalize_prompt, "penalize_prompt");
  way.value(p.temperature, "temperature");
  way.value(p.top_k, "top_k");
  way.value(p.top_p, "top_p");
  way.value(p.min_p, "min_p");
  way.value(p.typical_p, "typical_p");
  way.value(p.seed, "seed");
  way.value(bounds.prompt, "tokens of the prompt");
  way.value(bounds.limit, "limit on tokens");
  way.values(bounds.ends, "end tokens");
}

}  // namespace

void write_sampler(ByteWriter& writer, const Sampler& sampler) {
  visit_sampler(Writing{writer}, sampler.params(), sampler.bounds());
}

Sampler read_sampler(ByteReader& reader, std::int64_t vocabulary) {
  SamplingParams params;
  AnswerBounds bounds;
  visit_sampler(Reading{reader}, params, bounds);
  return Sampler(std::move(params), vocabulary, std::move(bounds));
}

}  // namespace sirocco
