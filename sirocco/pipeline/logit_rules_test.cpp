#include "sirocco/pipeline/logit_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/json_value.hpp"
#include "sirocco/pipeline/random.hpp"
#include "sirocco/pipeline/recommended_generation.hpp"
#include "sirocco/pipeline/sampler.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();

std::vector<TokenId> tokens(const std::vector<int>& ids) {
  std::vector<TokenId> out;
  for (const int id : ids) out.emplace_back(id);
  return out;
}

std::vector<float> adjusted(const LogitRules& rules, const AnswerBounds& bounds,
                            const std::vector<float>& logits, const std::vector<int>& own,
                            SamplingParams params = {}) {
  params.rules = rules;
  SamplerScratch scratch;
  const auto out =
      Sampler(params, std::ssize(logits), bounds).adjusted(logits, tokens(own), scratch);
  return {out.begin(), out.end()};
}

/// The ids that are forbidden among so many.
std::set<int> forbidden(const LogitRules& rules, const AnswerBounds& bounds, int count,
                        const std::vector<int>& own) {
  std::set<int> out;
  const auto logits =
      adjusted(rules, bounds, std::vector<float>(static_cast<std::size_t>(count), 1.0f), own);
  for (int id = 0; id < count; ++id)
    if (logits[static_cast<std::size_t>(id)] == -kInf) out.insert(id);
  return out;
}

// --- against transformers, from generation_config.json to logits ---

std::vector<TokenId> ids_of(const JsonValue& list) {
  std::vector<TokenId> out;
  for (const JsonValue& id : *list.as<JsonValue::Array>())
    out.emplace_back(static_cast<std::int32_t>(*id.as<std::int64_t>()));
  return out;
}

/// null: -infinity.
std::vector<float> floats_of(const JsonValue& list) {
  std::vector<float> out;
  for (const JsonValue& x : *list.as<JsonValue::Array>()) {
    const auto* const whole = x.as<std::int64_t>();
    const auto* const number = x.as<double>();
    out.push_back(whole != nullptr    ? static_cast<float>(*whole)
                  : number != nullptr ? static_cast<float>(*number)
                                      : -kInf);
  }
  return out;
}

TEST(LogitRules, AreTheProcessorsOfTransformers) {
  std::ifstream file(source_path("tests/golden/generation/processors.json"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const JsonValue golden = parse_json(text, "golden");
  const std::int64_t vocabulary = *golden.member("vocabulary")->as<std::int64_t>();
  const auto& cases = *golden.member("cases")->as<JsonValue::Array>();
  ASSERT_GT(cases.size(), 40U);
  SamplerScratch scratch;
  for (const JsonValue& each : cases) {
    SCOPED_TRACE(*each.member("name")->as<std::string>());
    JsonMetadata metadata("here");
    metadata.add("generation_config", *each.member("members"));
    metadata.finish();
    const auto recommended = recommended_generation(metadata, {}, vocabulary);
    EXPECT_THAT(recommended.not_followed, testing::IsEmpty());
    std::vector<TokenId> own = ids_of(*each.member("prompt"));
    const AnswerBounds bounds{std::ssize(own), *each.member("limit")->as<std::int64_t>(),
                              ids_of(*golden.member("ends"))};
    const auto answer = ids_of(*each.member("answer"));
    own.insert(own.end(), answer.begin(), answer.end());
    const auto logits = floats_of(*each.member("logits"));
    const auto expected = floats_of(*each.member("expected"));
    const auto got =
        Sampler(recommended.sampling, vocabulary, bounds).adjusted(logits, own, scratch);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (expected[i] == -kInf)
        ASSERT_EQ(got[i], -kInf) << i;
      else
        ASSERT_NEAR(got[i], expected[i], 1e-6f * (1.0f + std::abs(expected[i]))) << i;
    }
  }
}

// --- what no case of theirs shows ---

TEST(LogitRules, NGramsAreThoseOfTheDefinition) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    constexpr int kLetters = 2;
    const auto below = [&](int end, std::uint64_t position) {
      return static_cast<int>(uniform(seed, position, 0) * end);
    };
    std::vector<int> own;
    for (int i = below(60, 0); i > 0; --i) own.push_back(below(kLetters, own.size() + 3));
    const std::size_t size = own.size();
    const auto prompt = static_cast<std::size_t>(below(static_cast<int>(size) + 1, 1));
    const auto n = static_cast<std::size_t>(1 + below(6, 2));
    // What follows the last n - 1 tokens anywhere in the first `count`.
    const auto expected = [&](std::size_t count) {
      std::set<int> out;
      for (std::size_t i = 0; i + n <= count && n - 1 <= size; ++i) {
        const auto at = own.begin() + static_cast<std::ptrdiff_t>(i);
        const auto end = at + static_cast<std::ptrdiff_t>(n - 1);
        if (std::equal(at, end, own.end() - static_cast<std::ptrdiff_t>(n - 1))) out.insert(*end);
      }
      return out;
    };
    LogitRules rules;
    rules.no_repeat_ngram = static_cast<std::int64_t>(n);
    const AnswerBounds bounds{static_cast<std::int64_t>(prompt), 100, {}};
    RC_ASSERT(forbidden(rules, bounds, kLetters, own) == expected(size));
    rules.no_repeat_ngram = 0;
    rules.no_repeat_prompt_ngram = static_cast<std::int64_t>(n);
    RC_ASSERT(forbidden(rules, bounds, kLetters, own) == expected(prompt));
  }));
}

TEST(LogitRules, OneScratchServesAnySequence) {
  LogitRules rules;
  rules.prompt_penalty = 2.0f;
  SamplingParams p;
  p.rules = rules;
  p.frequency_penalty = 1.0f;
  SamplerScratch scratch;
  const Sampler small(p, 4, {2, 100, {}});
  const Sampler large(p, 9, {2, 100, {}});
  for (int i = 0; i < 3; ++i) {
    // Ids that a vocabulary lacks count nowhere.
    const auto a = small.adjusted(std::vector<float>(4, 1.0f), tokens({3, 8, 3, 1}), scratch);
    EXPECT_THAT(a, testing::ElementsAre(1, 0, 1, 0));
    const auto b = large.adjusted(std::vector<float>(9, -1.0f), tokens({3, 8, 8}), scratch);
    EXPECT_THAT(b, testing::ElementsAre(-1, -1, -1, -1.5f, -1, -1, -1, -1, -2.5f));
  }
}

TEST(LogitRules, LeaveLogitsWhereNothingChanges) {
  SamplingParams p;
  p.rules.suppressed_at_begin = {TokenId(2)};
  p.rules.min_new_tokens = 2;
  p.rules.forced_first = TokenId(1);
  p.rules.forced_last = {TokenId(3)};
  const std::vector<float> logits(5, 1.0f);
  SamplerScratch scratch;
  const Sampler sampler(p, 5, {3, 6, {TokenId(4)}});
  for (int length = 3; length < 10; ++length) {
    const auto out = sampler.adjusted(
        logits, std::vector<TokenId>(static_cast<std::size_t>(length), TokenId(0)), scratch);
    EXPECT_EQ(out.data() != logits.data(), length < 5 || length == 8) << length;
  }
}

TEST(LogitRules, MakeNoNumberThatIsNone) {
  LogitRules rules;
  rules.sequence_bias = {{tokens({0}), -kInf}, {tokens({1}), kLargest}};
  rules.bad_words = {tokens({5, 2})};
  rules.prompt_penalty = 100.0f;
  rules.length_decay = LengthDecay{0, 1000.0f};
  SamplingParams p;
  p.repetition_penalty = 1e-3f;
  p.logit_bias = {{TokenId(3), -kInf}, {TokenId(4), kLargest}};
  const AnswerBounds bounds{2, 1000, {TokenId(6), TokenId(7)}};
  std::vector<int> own(300, 5);
  const auto got =
      adjusted(rules, bounds, {kInf, 3e38f, kInf, kInf, 3e38f, 3e38f, 0.5f, -0.5f}, own, p);
  EXPECT_THAT(got, testing::ElementsAre(-kInf, kLargest, -kInf, -kInf, kLargest, kLargest, kLargest,
                                        kLargest));
  // What wasn't finite stays so: it's the model's.
  const auto broken = adjusted(rules, bounds, {1, 1, 1, 1, 1, kInf, kInf, kNan}, own, p);
  EXPECT_EQ(broken[5], kInf);
  EXPECT_EQ(broken[6], kInf);
  EXPECT_TRUE(std::isnan(broken[7]));
}

TEST(LogitRules, OnlyKnownTokensAreThere) {
  LogitRules rules;
  rules.known_tokens = 3;
  rules.sequence_bias = {{tokens({4}), 1.0f}, {tokens({4, 1}), -kInf}};
  rules.bad_words = {tokens({4, 3})};
  rules.suppressed = tokens({5, 999, -1});
  rules.forced_last = tokens({4, 2});
  SamplingParams p;
  p.logit_bias = {{TokenId(5), 1.0f}};
  p.repetition_penalty = 2;
  const AnswerBounds bounds{1, 3, {TokenId(5)}};
  EXPECT_THAT(adjusted(rules, bounds, {1, 1, 1, 9, 9, kNan}, {5, 4}, p),
              testing::ElementsAre(1, -kInf, 1));
  EXPECT_THAT(adjusted(rules, bounds, {1, 1, 1, 9, 9, kNan}, {5, 0, 0}, p),
              testing::ElementsAre(-kInf, -kInf, 0));
  rules.known_tokens = 1000;
  EXPECT_EQ(adjusted(rules, bounds, {1, 1, 1, 9, 9, 1}, {5}).size(), 6U);
}

TEST(LogitRules, SequencesAreFoundAmongMany) {
  LogitRules rules;
  // Every pair, but for those whose sum is a multiple of 7.
  for (int a = 0; a < 20; ++a)
    for (int b = 19; b >= 0; --b)
      if ((a + b) % 7 != 0) rules.bad_words.push_back(tokens({a, b}));
  for (int a = 0; a < 20; ++a) {
    std::set<int> allowed;
    for (int b = 0; b < 20; ++b)
      if ((a + b) % 7 == 0) allowed.insert(b);
    const auto not_allowed = forbidden(rules, {}, 20, {3, a});
    EXPECT_EQ(not_allowed.size() + allowed.size(), 20U);
    for (const int b : allowed) EXPECT_FALSE(not_allowed.contains(b)) << a << " " << b;
  }
}

TEST(LogitRules, NameWhatIsOutOfRange) {
  const auto message = [](void (*change)(LogitRules&)) -> std::string {
    LogitRules rules;
    change(rules);
    try {
      validate(rules, 10);
    } catch (const InvalidArgument& e) {
      return e.what();
    }
    return "accepted";
  };
  using testing::HasSubstr;
  EXPECT_THAT(message([](LogitRules& r) { r.known_tokens = -1; }), HasSubstr("known_tokens"));
  EXPECT_THAT(message([](LogitRules& r) { r.no_repeat_ngram = -1; }), HasSubstr("no_repeat_ngram"));
  EXPECT_THAT(message([](LogitRules& r) { r.no_repeat_prompt_ngram = -2; }),
              HasSubstr("no_repeat_prompt_ngram"));
  EXPECT_THAT(message([](LogitRules& r) { r.min_length = -1; }), HasSubstr("min_length"));
  EXPECT_THAT(message([](LogitRules& r) { r.min_new_tokens = std::int64_t{1} << 40; }),
              HasSubstr("min_new_tokens"));
  EXPECT_THAT(message([](LogitRules& r) { r.prompt_penalty = 0; }), HasSubstr("prompt_penalty"));
  EXPECT_THAT(message([](LogitRules& r) { r.prompt_penalty = kNan; }), HasSubstr("prompt_penalty"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.bad_words = {tokens({1, 10})};
              }),
              testing::AllOf(HasSubstr("bad_words"), HasSubstr("token 10")));
  EXPECT_THAT(message([](LogitRules& r) { r.bad_words = {{}}; }), HasSubstr("0 tokens"));
  EXPECT_THAT(message([](LogitRules& r) { r.bad_words.resize(kMaxRuleSequences + 1); }),
              HasSubstr("65537 sequences"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.sequence_bias = {{tokens({-1}), 1.0f}};
              }),
              HasSubstr("token -1"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.sequence_bias = {{tokens({1}), kInf}};
              }),
              HasSubstr("sequence_bias"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.sequence_bias = {{std::vector<TokenId>(kMaxRuleSequenceTokens + 1), 1.0f}};
              }),
              HasSubstr("1025 tokens"));
  EXPECT_THAT(message([](LogitRules& r) { r.forced_first = TokenId(11); }), HasSubstr("11"));
  EXPECT_THAT(message([](LogitRules& r) { r.forced_last = {TokenId(12)}; }), HasSubstr("12"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.length_decay = LengthDecay{-1, 1};
              }),
              HasSubstr("length_decay.start"));
  EXPECT_THAT(message([](LogitRules& r) {
                r.length_decay = LengthDecay{1, 0};
              }),
              HasSubstr("length_decay.factor"));
  EXPECT_THAT(message([](LogitRules& r) { r.suppressed = {TokenId(99)}; }), "accepted");
}

}  // namespace
}  // namespace sirocco
