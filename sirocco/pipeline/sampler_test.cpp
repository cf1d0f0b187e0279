#include "sirocco/pipeline/sampler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/random.hpp"
#include "sirocco/pipeline/stop_matcher.hpp"

namespace sirocco {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Sampled sampled(const SamplingParams& p, const std::vector<float>& logits,
                const std::vector<TokenId>& own = {}, std::int32_t position = 0) {
  SamplerScratch scratch;
  return Sampler(p, std::ssize(logits)).sample(logits, own, Position(position), 0, scratch);
}

std::int32_t pick(const SamplingParams& p, const std::vector<float>& logits,
                  const std::vector<TokenId>& own = {}, std::int32_t position = 0) {
  return std::get<TokenId>(sampled(p, logits, own, position)).value();
}

// How often each token comes at so many positions.
std::map<std::int32_t, int> counts(const SamplingParams& p, const std::vector<float>& logits,
                                   int draws = 4000) {
  std::map<std::int32_t, int> out;
  SamplerScratch scratch;
  const Sampler sampler(p, std::ssize(logits));
  for (int i = 0; i < draws; ++i) {
    const Sampled token = sampler.sample(logits, {}, Position(i), 0, scratch);
    ++out[std::get<TokenId>(token).value()];
  }
  return out;
}

SamplingParams with(void (*change)(SamplingParams&)) {
  SamplingParams p;
  change(p);
  return p;
}

TEST(Philox, KnownAnswers) {
  // The test vectors of Random123: all zeros, all ones.
  const std::array<std::uint32_t, 4> zeros = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), zeros);
  const std::array<std::uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(philox(UINT64_MAX, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}), ones);
}

TEST(Sampler, GreedyTakesTheHighestAndTheLowerOfEquals) {
  const auto greedy = with([](SamplingParams& p) { p.temperature = 0; });
  EXPECT_EQ(pick(greedy, {1, 3, 3, 2}), 1);
  EXPECT_EQ(pick(greedy, {-kInf, -3, -kInf}), 1);
  const auto first = with([](SamplingParams& p) { p.top_k = 1; });
  EXPECT_EQ(pick(first, {1, 3, 3, 2}), 1);
}

TEST(Sampler, OneLogitThatIsNoNumberIsAFault) {
  for (const float temperature : {0.0f, 1.0f}) {
    for (const std::int32_t top_k : {0, 1, 2}) {
      SamplingParams p;
      p.temperature = temperature;
      p.top_k = top_k;
      const Sampled broken = StepFault::kScoresNotFinite;
      EXPECT_EQ(sampled(p, {kNan, kNan}), broken);
      EXPECT_EQ(sampled(p, {1, 2, kNan}), broken);
      EXPECT_EQ(sampled(p, {1, kInf, 2}), broken);
      EXPECT_EQ(sampled(p, {kNan, -kInf, -kInf}), broken);
      // Wherever it stands, behind whole blocks and within them.
      std::vector<float> logits(600, 1.0f);
      for (const std::size_t at : {0, 17, 255, 256, 511, 599}) {
        logits[at] = kNan;
        EXPECT_EQ(sampled(p, logits), broken) << at;
        p.repetition_penalty = 1.5f;
        EXPECT_EQ(sampled(p, logits, {TokenId(static_cast<std::int32_t>(at))}), broken) << at;
        p.repetition_penalty = 1.0f;
        // What can't be chosen anyway hurts nobody.
        SamplingParams without = p;
        without.rules.suppressed = {TokenId(static_cast<std::int32_t>(at))};
        EXPECT_TRUE(std::holds_alternative<TokenId>(sampled(without, logits))) << at;
        logits[at] = 1.0f;
      }
      EXPECT_EQ(sampled(p, {-kInf, -kInf}), Sampled(StepFault::kNothingAllowed));
      p.rules.suppressed = {TokenId(0), TokenId(1)};
      EXPECT_EQ(sampled(p, {3, 4}), Sampled(StepFault::kNothingAllowed));
    }
  }
}

TEST(Sampler, NeverChoosesIdsBeyondTheKnown) {
  SamplingParams p;
  p.rules.known_tokens = 3;
  p.temperature = 2;
  for (const auto& [id, n] : counts(p, {1, 2, 3, 50, kNan})) EXPECT_LT(id, 3);
  p.temperature = 0;
  EXPECT_EQ(pick(p, {1, 2, 3, 50, kInf}), 2);
}

TEST(Sampler, HostileLogitsGiveATokenOfTheVocabulary) {
  EXPECT_TRUE(rc::check([](std::vector<std::uint32_t> bits, std::uint64_t seed) {
    RC_PRE(!bits.empty());
    std::vector<float> logits;
    for (const auto b : bits) logits.push_back(std::bit_cast<float>(b));
    SamplingParams p;
    p.seed = seed;
    p.temperature = *rc::gen::element(1e-30f, 0.5f, 1.0f, 1000.0f);
    p.top_k = *rc::gen::element(0, 1, 3, 2000);
    p.top_p = *rc::gen::element(1e-6f, 0.5f, 1.0f);
    p.min_p = *rc::gen::element(0.0f, 0.1f, 1.0f);
    p.typical_p = *rc::gen::element(0.3f, 1.0f);
    p.repetition_penalty = *rc::gen::element(0.5f, 1.0f, 1.5f);
    const bool numbers = std::ranges::all_of(logits, [](float x) { return x < kInf; });
    const bool some = std::ranges::any_of(logits, [](float x) { return x > -kInf; });
    const Sampled got = sampled(p, logits, {TokenId(0)});
    if (const auto* token = std::get_if<TokenId>(&got)) {
      RC_ASSERT(numbers && token->value() >= 0 && token->value() < std::ssize(logits));
      RC_ASSERT(logits[static_cast<std::size_t>(token->value())] > -kInf);
    } else {
      RC_ASSERT(!numbers || !some || p.repetition_penalty > 1.0f);
      RC_ASSERT((std::get<StepFault>(got) == StepFault::kScoresNotFinite) == !numbers);
    }
  }));
}

TEST(Sampler, DrawsWithTheProbabilitiesOfTheLogits) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  auto got = counts({}, logits, 20000);
  EXPECT_NEAR(got[0], 10000, 300);
  EXPECT_NEAR(got[1], 6000, 300);
  EXPECT_NEAR(got[2], 4000, 300);
  // Twice as hot: square roots.
  got = counts(with([](SamplingParams& p) { p.temperature = 2; }), logits, 20000);
  const double sum = std::sqrt(0.5) + std::sqrt(0.3) + std::sqrt(0.2);
  EXPECT_NEAR(got[0], 20000 * std::sqrt(0.5) / sum, 300);
}

TEST(Sampler, FiltersKeepWhatTheyShould) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.3f),
                                     std::log(0.2f)};
  const auto ids = [&](const SamplingParams& p) {
    std::vector<std::int32_t> out;
    for (const auto& [id, n] : counts(p, logits)) out.push_back(id);
    return out;
  };
  using Ids = std::vector<std::int32_t>;
  EXPECT_EQ(ids({}), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.top_k = 2; })), (Ids{1, 2}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.top_p = 0.0f; })), (Ids{1}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.top_p = 0.65f; })), (Ids{1, 2}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.top_p = 0.75f; })), (Ids{1, 2, 3}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.min_p = 0.6f; })), (Ids{1, 2}));
  // Surprises 2.30, 0.92, 1.20, 1.61 around an entropy of 1.28: token 2, then 3, then 1.
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.typical_p = 0.25f; })), (Ids{2}));
  EXPECT_EQ(ids(with([](SamplingParams& p) { p.typical_p = 0.45f; })), (Ids{2, 3}));
}

TEST(Sampler, ANucleusMayLieFarBelowTheHighest) {
  // One token and, e^-6 as probable each, 200 more that together are a third of it all: 0.9 holds
  // the first of them up to a weight of 0.9 · (1 + 200 · e^-6) - 1.
  std::vector<float> logits(201, -6.0f);
  logits[0] = 0.0f;
  const auto got = counts(with([](SamplingParams& p) { p.top_p = 0.9f; }), logits, 20000);
  const double each = std::exp(-6.0);
  const double kept = std::ceil((0.9 * (1 + 200 * each) - 1) / each);
  EXPECT_NEAR(static_cast<double>(got.size()), 1 + kept, 1);
  EXPECT_NEAR(got.rbegin()->first, kept, 1);
}

TEST(Sampler, LargeTopKEqualsSorting) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    // Many equal ones, or few.
    const float levels = *rc::gen::element(50.0f, 20000.0f);
    std::vector<float> logits(5000);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      logits[i] = std::floor(static_cast<float>(uniform(seed, i, 1)) * levels) / levels * 10;
    }
    // 20 blocks of logits; more than 1024 are sorted.
    const int k = *rc::gen::element(2, 19, 20, 21, 40, 1024, 1025, 3000);
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(k));
    std::sort(order.begin(), order.end());
    SamplingParams p;
    p.top_k = k;
    p.temperature = 1000;
    const auto got = counts(p, logits, k <= 21 ? 500 : 50);
    for (const auto& [id, n] : got) RC_ASSERT(std::binary_search(order.begin(), order.end(), id));
    RC_ASSERT(k > 21 || std::ssize(got) == k);
  }));
}

// The definition, by sorting: which tokens the filters leave, in the order of ids, with weights.
std::map<std::int32_t, double> allowed(const SamplingParams& p, const std::vector<float>& logits) {
  struct Token {
    std::int32_t id;
    double weight;
    double key;
  };
  const double highest = *std::max_element(logits.begin(), logits.end());
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double below = (double{logits[i]} - highest) / double{p.temperature};
    tokens.push_back({static_cast<std::int32_t>(i), std::exp(below), -below});
  }
  const auto keep = [&](double mass) {
    std::stable_sort(tokens.begin(), tokens.end(),
                     [](const Token& a, const Token& b) { return a.key < b.key; });
    double total = 0.0;
    for (const Token& t : tokens) total += t.weight;
    double held = 0.0;
    for (std::size_t i = 0; i < tokens.size() && mass < 1.0; ++i) {
      held += tokens[i].weight;
      if (held >= mass * total) tokens.resize(i + 1);
    }
  };
  keep(1.0);
  if (p.top_k > 0 && std::cmp_less(p.top_k, tokens.size()))
    tokens.resize(static_cast<std::size_t>(p.top_k));
  keep(double{p.top_p});
  std::erase_if(tokens, [&](const Token& t) { return t.weight < double{p.min_p}; });
  double total = 0.0;
  for (const Token& t : tokens) total += t.weight;
  double entropy = 0.0;
  for (const Token& t : tokens) entropy -= t.weight / total * std::log(t.weight / total);
  for (Token& t : tokens) t.key = std::abs(-std::log(t.weight / total) - entropy);
  std::sort(tokens.begin(), tokens.end(),
            [](const Token& a, const Token& b) { return a.id < b.id; });
  if (p.typical_p < 1.0f) keep(double{p.typical_p});
  std::map<std::int32_t, double> out;
  for (const Token& t : tokens) out[t.id] = t.weight;
  return out;
}

TEST(Sampler, ChainsEqualTheirDefinition) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    // Multiples of 1/8 within ±6, so that weights and ties are those of the definition.
    std::vector<float> logits(800);
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = std::floor(static_cast<float>(uniform(seed, i, 1) * 96)) / 8 - 6;
    SamplingParams p;
    p.temperature = *rc::gen::element(0.25f, 1.0f, 8.0f);
    p.top_k = *rc::gen::element(0, 0, 50, 500);
    p.top_p = *rc::gen::element(1.0f, 0.3f, 0.9f);
    p.min_p = *rc::gen::element(0.0f, 0.03f);
    p.typical_p = *rc::gen::element(1.0f, 0.7f);
    const auto expected = allowed(p, logits);
    double total = 0.0;
    for (const auto& [id, weight] : expected) total += weight;
    // Every token with a chance of 3 % or more comes at 1000 positions, and no other does; a cut
    // between equal weights may fall one token earlier or later.
    const auto got = counts(p, logits, 1000);
    int strangers = 0;
    for (const auto& [id, n] : got) strangers += !expected.contains(id);
    RC_ASSERT(strangers <= 2);
    for (const auto& [id, weight] : expected) RC_ASSERT(weight / total <= 0.03 || got.contains(id));
    // The sums of the weights on either side of a token in the middle are those of the definition.
    const std::int32_t middle = 400;
    double before = 0.0;
    for (const auto& [id, weight] : expected) before += id < middle ? weight : 0.0;
    int drawn = 0;
    for (const auto& [id, n] : got) drawn += id < middle ? n : 0;
    RC_ASSERT(std::abs(drawn / 1000.0 - before / total) < 0.08);
  }));
}

TEST(Sampler, PenaltiesLookAtTheLastTokens) {
  SamplingParams p;
  p.temperature = 0;
  p.repetition_penalty = 2;
  EXPECT_EQ(pick(p, {4, 3}, {TokenId(0)}), 1);
  EXPECT_EQ(pick(p, {-1, -1.5f}, {TokenId(0)}), 1);
  p.penalty_last_n = 1;
  EXPECT_EQ(pick(p, {4, 3}, {TokenId(0), TokenId(1)}), 0);
  p.penalty_last_n = -1;
  EXPECT_EQ(pick(p, {4, 3, 2.5f}, {TokenId(0), TokenId(1)}), 2);
  p.repetition_penalty = 1;
  p.presence_penalty = 0.6f;
  EXPECT_EQ(pick(p, {1, 0.5f}, {TokenId(0), TokenId(0)}), 1);
  p.presence_penalty = 0;
  p.frequency_penalty = 0.3f;
  EXPECT_EQ(pick(p, {1, 0.5f}, {TokenId(0)}), 0);
  EXPECT_EQ(pick(p, {1, 0.5f}, {TokenId(0), TokenId(0)}), 1);
}

TEST(Sampler, PenaltiesMayPassOverThePrompt) {
  SamplingParams p;
  p.temperature = 0;
  p.repetition_penalty = 2;
  p.penalize_prompt = false;
  AnswerBounds bounds;
  bounds.prompt = 2;
  const Sampler sampler(p, 3, bounds);
  SamplerScratch scratch;
  const std::vector<float> logits = {4, 3, 2.5f};
  const auto chosen = [&](std::vector<TokenId> own) {
    const Position next(static_cast<std::int32_t>(own.size()));
    return std::get<TokenId>(sampler.sample(logits, own, next, 0, scratch)).value();
  };
  EXPECT_EQ(chosen({TokenId(0), TokenId(0)}), 0);
  EXPECT_EQ(chosen({TokenId(0), TokenId(1), TokenId(0)}), 1);
  EXPECT_EQ(chosen({TokenId(0), TokenId(1), TokenId(0), TokenId(1)}), 2);
}

TEST(Sampler, BiasForbidsAndForces) {
  SamplingParams p;
  p.logit_bias = {{TokenId(0), -kInf}};
  for (const auto& [id, n] : counts(p, {50, 0, 0})) EXPECT_NE(id, 0);
  p.logit_bias = {{TokenId(2), 100}};
  EXPECT_EQ(counts(p, {5, 0, 0}).size(), 1U);
}

TEST(Sampler, SeedAndPositionDecide) {
  std::vector<float> logits(100, 0.0f);
  SamplingParams a;
  a.seed = 1;
  SamplingParams b;
  b.seed = 2;
  int differ = 0;
  for (std::int32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(pick(a, logits, {}, i), pick(a, logits, {}, i));
    differ += pick(a, logits, {}, i) != pick(b, logits, {}, i);
  }
  EXPECT_GT(differ, 40);
}

TEST(Sampler, NamesTheFieldThatIsOutOfRange) {
  const auto message = [](void (*change)(SamplingParams&)) -> std::string {
    try {
      Sampler sampler(with(change), 10);
    } catch (const InvalidArgument& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_NE(message([](SamplingParams& p) { p.temperature = -1; }).find("temperature"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.temperature = kNan; }).find("temperature"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.top_p = -0.5f; }).find("top_p"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.top_k = -1; }).find("top_k"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.min_p = 1.1f; }).find("min_p"), std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.typical_p = 2; }).find("typical_p"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) {
              p.logit_bias = {{TokenId(10), 0}};
            }).find("token 10"),
            std::string::npos);
  EXPECT_NE(message([](SamplingParams& p) { p.presence_penalty = 3; }).find("presence_penalty"),
            std::string::npos);
}

// The rule itself, without streaming: the match that ends first, of those the longest.
std::pair<std::string, bool> cut(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& s : stops) {
      if (text.substr(0, end).ends_with(s)) longest = std::max(longest, s.size());
    }
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

TEST(StopMatcher, FindsTheSameHoweverTheTextIsCut) {
  EXPECT_TRUE(rc::check([] {
    const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b'));
    const auto text = *letters;
    std::vector<std::string> stops = *rc::gen::container<std::vector<std::string>>(
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', 'b'))));
    if (stops.size() > 5) stops.resize(5);
    StopMatcher matcher(stops);
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
      const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 5));
      shown += matcher.push(text.substr(at, size));
      at += size;
      // Nothing is held back that can no longer begin a stop string.
      if (!matcher.stopped() && at <= text.size()) {
        const std::string held = text.substr(shown.size(), at - shown.size());
        RC_ASSERT(held.empty() || std::any_of(stops.begin(), stops.end(),
                                              [&](const auto& s) { return s.starts_with(held); }));
      }
    }
    shown += matcher.finish();
    const auto [expected, stopped] = cut(text, stops);
    RC_ASSERT(shown == expected);
    RC_ASSERT(matcher.stopped() == stopped);
  }));
}

TEST(StopMatcher, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(StopMatcher({""}), InvalidArgument);
  EXPECT_THROW(StopMatcher({std::string(2000, 'a')}), InvalidArgument);
  EXPECT_THROW(StopMatcher(std::vector<std::string>(100, "a")), InvalidArgument);
}

TEST(Likeliest, AreTheFirstOfAllInOrder) {
  EXPECT_TRUE(rc::check([] {
    const auto values = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<int>>(rc::gen::inRange(-20, 20)));  // many ties
    const std::vector<float> logits(values.begin(), values.end());
    const auto count = *rc::gen::inRange(0, 30);
    std::vector<std::int32_t> ids(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    SamplerScratch scratch;
    const auto found = likeliest(logits, count, scratch);
    RC_ASSERT(found.size() == std::min(logits.size(), static_cast<std::size_t>(count)));
    for (std::size_t i = 0; i < found.size(); ++i) {
      RC_ASSERT(found[i].token.value() == ids[i]);
      RC_ASSERT(found[i].log_probability == log_probability(logits, found[i].token, scratch));
    }
  }));
}

}  // namespace
}  // namespace sirocco
