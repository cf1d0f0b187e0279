#include "sirocco/pipeline/sampler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/logit_scan.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

using Candidate = SamplerScratch::Candidate;
constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr double kLowestFloat = std::numeric_limits<float>::lowest();

constexpr std::array<double, 14> kInverseFactorials = [] {
  std::array<double, 14> out{};
  double factorial = 1.0;
  for (std::size_t k = 0; k < out.size(); ++k) {
    if (k > 0) factorial *= static_cast<double>(k);
    out[k] = 1.0 / factorial;
  }
  return out;
}();

// exp for x <= 0, the same bits everywhere: 2^n · e^r with |r| <= ln(2)/2, Taylor to r^13. Below
// the normal numbers it is 0.
double exp_of(double x) {
  if (!(x > -708.0)) return 0.0;
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer
  const double n = (x * 0x1.71547652b82fep+0 + kRound) - kRound;
  const double r = (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
  double sum = kInverseFactorials[13];
  for (int k = 12; k >= 0; --k) sum = sum * r + kInverseFactorials[static_cast<std::size_t>(k)];
  const auto exponent = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023);
  return sum * std::bit_cast<double>(exponent << 52);
}

// ln for normal x > 0: e·ln(2) + 2·artanh((m - 1) / (m + 1)) with m in [0.7, 1.42).
double log_of(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto e = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double square = s * s;
  double sum = 0.0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return static_cast<double>(e) * 0x1.62e42fefa39efp-1 + 2.0 * s * sum;
}

/// A vocabulary's logits with what is known of them.
struct LogitView {
  std::span<const float> logits;
  std::span<const float> maxima;  // of blocks
  HighestLogit highest;
};

bool more_probable(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

/// Those of at least `least`, in the order of ids.
void keep_from(float least, const LogitView& all, std::vector<Candidate>& out) {
  out.clear();
  const float above_lowest = std::max(least, std::numeric_limits<float>::lowest());
  for_logits_from(above_lowest, all.logits, all.maxima, [&](std::int32_t id, float logit) {
    out.push_back({logit, id, 0.0});
  });
}

/// The k most probable, from a heap whose top is the least of them.
void keep_top_by_heap(const LogitView& all, std::size_t k, std::vector<Candidate>& out) {
  out.clear();
  for (std::size_t block = 0; block < all.maxima.size(); ++block) {
    const std::size_t begin = block * kLogitBlock;
    const float least = out.size() < k ? kLowest : out.front().logit;
    if (!(all.maxima[block] > least)) continue;
    for (std::size_t i = begin; i < std::min(all.logits.size(), begin + kLogitBlock); ++i) {
      const Candidate c{all.logits[i], static_cast<std::int32_t>(i), 0.0};
      if (out.size() < k) {
        if (c.logit == kLowest) continue;
        out.push_back(c);
        std::push_heap(out.begin(), out.end(), more_probable);
      } else if (c.logit > out.front().logit) {
        std::pop_heap(out.begin(), out.end(), more_probable);
        out.back() = c;
        std::push_heap(out.begin(), out.end(), more_probable);
      }
    }
  }
}

/// The k most probable, in order.
void keep_top(const LogitView& all, std::size_t k, SamplerScratch& scratch) {
  // Beyond that a heap is slower than a partial sort of all.
  constexpr std::size_t kHeapLimit = 1024;
  std::vector<Candidate>& out = scratch.candidates;
  if (k <= all.maxima.size()) {
    // At least k logits are as high as the k-th of the blocks' maxima.
    std::vector<float>& maxima = scratch.ordered_maxima;
    maxima.assign(all.maxima.begin(), all.maxima.end());
    const auto least = maxima.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(maxima.begin(), least, maxima.end(), std::greater<>());
    keep_from(*least, all, out);
  } else if (k <= kHeapLimit) {
    keep_top_by_heap(all, k, out);
  } else {
    keep_from(kLowest, all, out);
  }
  if (k < out.size()) {
    std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(k), out.end(),
                     more_probable);
    out.resize(k);
  }
  std::sort(out.begin(), out.end(), more_probable);
}

/// Those that weigh at least `least` of the most probable, which weighs 1.
void keep_heavy(std::vector<Candidate>& candidates, double least) {
  if (least > 0.0) std::erase_if(candidates, [&](const Candidate& c) { return c.weight < least; });
}

double total_weight(const std::vector<Candidate>& candidates) {
  double total = 0.0;
  for (const Candidate& c : candidates) total += c.weight;
  return total;
}

/// e^((logit - highest) / temperature) of each.
void weigh(const LogitView& all, double inverse_temperature, std::vector<Candidate>& candidates) {
  const auto highest = static_cast<double>(all.highest.logit);
  for (Candidate& c : candidates)
    c.weight = exp_of((static_cast<double>(c.logit) - highest) * inverse_temperature);
}

/// Of the candidates, which keep their order, those with the lowest keys that together weigh
/// `wanted`; of equal keys the lower ids. Only those around the last one kept are sorted.
template <class Key>
void keep_mass(double wanted, Key key, SamplerScratch& scratch) {
  std::vector<Candidate>& candidates = scratch.candidates;
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -lowest;
  for (const Candidate& c : candidates) {
    lowest = std::min(lowest, key(c));
    highest = std::max(highest, key(c));
  }
  constexpr std::size_t kBins = 1024;
  const double scale = highest > lowest ? double{kBins} / (highest - lowest) : 0.0;
  const auto bin_of = [&](const Candidate& c) {
    return std::min(kBins - 1, static_cast<std::size_t>((key(c) - lowest) * scale));
  };
  std::array<double, kBins> weights{};
  for (const Candidate& c : candidates) weights[bin_of(c)] += c.weight;
  double held = 0.0;
  std::size_t last_bin = 0;
  for (; last_bin + 1 < kBins && held + weights[last_bin] < wanted; ++last_bin)
    held += weights[last_bin];

  const auto before = [&](const Candidate& a, const Candidate& b) {
    const double key_a = key(a);
    const double key_b = key(b);
    return key_a != key_b ? key_a < key_b : a.id < b.id;
  };
  std::vector<Candidate>& edge = scratch.edge;
  edge.clear();
  for (const Candidate& c : candidates)
    if (bin_of(c) == last_bin) edge.push_back(c);
  std::sort(edge.begin(), edge.end(), before);
  for (std::size_t i = 0; i < edge.size(); ++i) {
    held += edge[i].weight;
    if (held < wanted) continue;
    std::erase_if(candidates, [&](const Candidate& c) {
      const std::size_t bin = bin_of(c);
      return bin > last_bin || (bin == last_bin && before(edge[i], c));
    });
    return;
  }
}

/// More probable ones first.
double by_probability(const Candidate& c) { return -static_cast<double>(c.logit); }

/// Those of at least `least`, with the weights of weigh_all.
void keep_weighed(float least, const LogitView& all, SamplerScratch& scratch) {
  keep_from(least, all, scratch.candidates);
  for (Candidate& c : scratch.candidates)
    c.weight = static_cast<double>(scratch.weights[static_cast<std::size_t>(c.id)]);
}

/// The most probable of all tokens that together weigh the fraction `mass`.
void keep_nucleus(const LogitView& all, double inverse_temperature, double mass,
                  SamplerScratch& scratch) {
  const double wanted = mass * weigh_all(all.logits, all.highest.logit, inverse_temperature,
                                         scratch.weights, scratch.sums);
  // Most nuclei lie a little below the highest: deeper, until what is there weighs enough. Weights
  // below e^-87 are 0.
  for (double depth = 4.0;; depth *= 2.0) {
    const double least = static_cast<double>(all.highest.logit) - depth / inverse_temperature;
    keep_weighed(static_cast<float>(std::max(least, kLowestFloat)), all, scratch);
    if (total_weight(scratch.candidates) >= wanted || depth > 87.0) break;
  }
  keep_mass(wanted, by_probability, scratch);
}

/// Those at least `share` times as probable as the most probable.
void keep_likely(const LogitView& all, double inverse_temperature, double share,
                 SamplerScratch& scratch) {
  const auto highest = static_cast<double>(all.highest.logit);
  // A little too many first: the weights decide.
  const double near = highest + log_of(share) / inverse_temperature;
  const double least = near - 1e-5 * (1.0 + (near < 0.0 ? -near : near));
  keep_from(static_cast<float>(std::max(least, kLowestFloat)), all, scratch.candidates);
  weigh(all, inverse_temperature, scratch.candidates);
  keep_heavy(scratch.candidates, share);
}

/// Those whose surprise, -ln p, lies closest to the expected one. The sum of all weights cancels
/// out: what is left is how far a logit lies from the mean one.
void keep_typical(double mass, SamplerScratch& scratch) {
  std::vector<Candidate>& candidates = scratch.candidates;
  std::erase_if(candidates, [](const Candidate& c) { return c.weight == 0.0; });
  const double total = total_weight(candidates);
  double mean = 0.0;
  for (const Candidate& c : candidates) mean += c.weight / total * static_cast<double>(c.logit);
  const auto distance = [&](const Candidate& c) {
    const double d = static_cast<double>(c.logit) - mean;
    return d < 0.0 ? -d : d;
  };
  keep_mass(mass * total, distance, scratch);
}

TokenId draw(const std::vector<Candidate>& candidates, double u) {
  const double target = u * total_weight(candidates);
  double sum = 0.0;
  std::int32_t last = candidates.front().id;
  for (const Candidate& c : candidates) {
    if (c.weight == 0.0) continue;
    sum += c.weight;
    last = c.id;
    if (sum > target) break;
  }
  return TokenId(last);
}

void require(bool in_range, std::string_view field, double value, std::string_view range) {
  if (!in_range) throw InvalidArgument("{} is {}; it must be {}", field, value, range);
}

}  // namespace

void validate(const SamplingParams& p, std::int64_t vocabulary) {
  // Comparisons are written so that NaN fails them.
  require(p.temperature >= 0.0f && p.temperature <= 1000.0f, "temperature", p.temperature,
          "from 0 to 1000");
  require(p.top_k >= 0, "top_k", static_cast<double>(p.top_k), "0 (off) or more");
  require(p.top_p >= 0.0f && p.top_p <= 1.0f, "top_p", p.top_p, "from 0 to 1");
  require(p.min_p >= 0.0f && p.min_p <= 1.0f, "min_p", p.min_p, "from 0 to 1");
  require(p.typical_p > 0.0f && p.typical_p <= 1.0f, "typical_p", p.typical_p,
          "above 0 and at most 1");
  require(p.repetition_penalty > 0.0f && p.repetition_penalty <= 100.0f, "repetition_penalty",
          p.repetition_penalty, "above 0 and at most 100");
  require(p.presence_penalty >= -2.0f && p.presence_penalty <= 2.0f, "presence_penalty",
          p.presence_penalty, "from -2 to 2");
  require(p.frequency_penalty >= -2.0f && p.frequency_penalty <= 2.0f, "frequency_penalty",
          p.frequency_penalty, "from -2 to 2");
  require(p.penalty_last_n >= -1, "penalty_last_n", static_cast<double>(p.penalty_last_n),
          "-1 (all) or more");
  for (const LogitBias& bias : p.logit_bias) {
    if (bias.token.value() < 0 || bias.token.value() >= vocabulary) {
      throw InvalidArgument("logit_bias: there is no token {} in a vocabulary of {}",
                            bias.token.value(), vocabulary);
    }
    require(bias.bias <= std::numeric_limits<float>::max(), "logit_bias", bias.bias,
            "a number or -infinity");
  }
  validate(p.rules, vocabulary);
}

Sampler::Sampler(SamplingParams params, std::int64_t vocabulary, AnswerBounds bounds)
    : params_(std::move(params)),
      bounds_(std::move(bounds)),
      rules_(params_.rules, bounds_, vocabulary) {
  validate(params_, vocabulary);
}

void SamplerScratch::reserve(std::int64_t vocabulary, std::int64_t context) {
  const auto tokens = static_cast<std::size_t>(vocabulary);
  for (std::vector<float>* values : {&logits, &maxima, &ordered_maxima, &weights})
    values->reserve(tokens);
  sums.reserve(tokens);
  candidates.reserve(tokens);
  edge.reserve(tokens);
  rules.counts.reserve(tokens);
  rules.borders.reserve(static_cast<std::size_t>(context));
}

bool Sampler::has_penalties() const {
  return params_.penalty_last_n != 0 &&
         (params_.repetition_penalty != 1.0f || params_.presence_penalty != 0.0f ||
          params_.frequency_penalty != 0.0f);
}

std::span<const float> Sampler::adjusted(std::span<const float> logits,
                                         std::span<const TokenId> own,
                                         SamplerScratch& scratch) const {
  logits = logits.first(std::min(std::ssize(logits), rules_.known()));
  if (params_.logit_bias.empty() && !has_penalties() && !rules_.apply_at(std::ssize(own)))
    return logits;
  scratch.logits.assign(logits.begin(), logits.end());
  adjust(own, scratch.logits, scratch.rules);
  return scratch.logits;
}

void Sampler::adjust(std::span<const TokenId> own, std::span<float> logits,
                     RuleScratch& scratch) const {
  for (const LogitBias& bias : params_.logit_bias) {
    const auto id = static_cast<std::size_t>(bias.token.value());
    if (id >= logits.size()) continue;
    // Infinity less infinity is no number.
    logits[id] = bias.bias == kLowest ? kLowest : kept_finite(logits[id], logits[id] + bias.bias);
  }
  rules_.before_penalties(own, logits, scratch);
  if (has_penalties()) {
    std::span<const TokenId> seen =
        params_.penalize_prompt ? own : own.subspan(std::min(std::ssize(own), rules_.prompt()));
    if (params_.penalty_last_n > 0)
      seen = seen.last(std::min(seen.size(), static_cast<std::size_t>(params_.penalty_last_n)));
    for_each_seen(seen, std::ssize(logits), scratch, [&](std::size_t id, std::int32_t times) {
      const float penalty = params_.repetition_penalty;
      float& logit = logits[id];
      logit = kept_finite(logit, logit > 0.0f ? logit / penalty : logit * penalty);
      logit -= params_.presence_penalty;
      logit -= params_.frequency_penalty * static_cast<float>(times);
    });
  }
  rules_.behind_penalties(own, logits, scratch);
}

Sampled Sampler::sample(std::span<const float> logits, std::span<const TokenId> own,
                        Position position, std::uint32_t choice, SamplerScratch& scratch) const {
  SIROCCO_CHECK(!logits.empty());
  logits = adjusted(logits, own, scratch);
  const HighestLogit highest = find_highest(logits, scratch.maxima);
  if (!highest.all_numbers || highest.logit > std::numeric_limits<float>::max())
    return StepFault::kScoresNotFinite;
  if (highest.logit == kLowest) return StepFault::kNothingAllowed;
  if (params_.temperature == 0.0f || params_.top_k == 1) return TokenId(highest.id);

  const LogitView all{logits, scratch.maxima, highest};
  const double inverse = 1.0 / static_cast<double>(params_.temperature);
  const double u = uniform(params_.seed, static_cast<std::uint64_t>(position.value()), choice);
  const double mass = params_.top_p;
  const double share = params_.min_p;
  // How many there will be hangs on the logits; room that isn't used takes no memory.
  std::vector<Candidate>& candidates = scratch.candidates;
  candidates.reserve(logits.size());
  scratch.edge.reserve(logits.size());
  const auto k = static_cast<std::size_t>(params_.top_k);
  if (k > 0 && k < logits.size()) {
    keep_top(all, k, scratch);
    weigh(all, inverse, candidates);
    if (mass < 1.0) keep_mass(mass * total_weight(candidates), by_probability, scratch);
    keep_heavy(candidates, share);
  } else if (mass < 1.0) {
    keep_nucleus(all, inverse, mass, scratch);
    keep_heavy(candidates, share);
  } else if (share > 0.0) {
    keep_likely(all, inverse, share, scratch);
  } else if (params_.typical_p < 1.0f) {
    weigh_all(logits, highest.logit, inverse, scratch.weights, scratch.sums);
    keep_weighed(kLowest, all, scratch);
  } else {
    const double total = weigh_all(logits, highest.logit, inverse, scratch.weights, scratch.sums);
    return TokenId(pick_weighted(u, total, scratch.weights, scratch.sums));
  }
  if (params_.typical_p < 1.0f) keep_typical(params_.typical_p, scratch);
  return draw(candidates, u);
}

namespace {

/// ln p of a token is its logit less this.
double log_of_sum(std::span<const float> logits, SamplerScratch& scratch) {
  const HighestLogit highest = find_highest(logits, scratch.maxima);
  return highest.logit +
         std::log(weigh_all(logits, highest.logit, 1.0, scratch.weights, scratch.sums));
}

}  // namespace

float log_probability(std::span<const float> logits, TokenId token, SamplerScratch& scratch) {
  return static_cast<float>(logits[static_cast<std::size_t>(token.value())] -
                            log_of_sum(logits, scratch));
}

std::vector<TokenProbability> likeliest(std::span<const float> logits, std::int32_t count,
                                        SamplerScratch& scratch) {
  const auto wanted = std::min(static_cast<std::size_t>(count), logits.size());
  std::vector<TokenProbability> out;
  if (wanted == 0) return out;
  // A heap of the best so far, the worst of them on top; ids come in order, so that of equals the
  // first one stays.
  const auto better = [](const TokenProbability& a, const TokenProbability& b) {
    return a.log_probability != b.log_probability ? a.log_probability > b.log_probability
                                                  : a.token < b.token;
  };
  out.reserve(wanted + 1);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (out.size() == wanted && !(logits[id] > out.front().log_probability)) continue;
    out.push_back({TokenId(static_cast<std::int32_t>(id)), logits[id]});
    std::push_heap(out.begin(), out.end(), better);
    if (out.size() <= wanted) continue;
    std::pop_heap(out.begin(), out.end(), better);
    out.pop_back();
  }
  std::sort_heap(out.begin(), out.end(), better);
  const double sum = log_of_sum(logits, scratch);
  for (TokenProbability& token : out)
    token.log_probability = static_cast<float>(token.log_probability - sum);
  return out;
}

}  // namespace sirocco
