#include "sirocco/pipeline/sampler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

using Candidate = SamplerScratch::Candidate;
constexpr float kLowest = -std::numeric_limits<float>::infinity();

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

// No NaN, no +infinity: what arithmetic can go on with.
float tame(float logit) {
  if (logit != logit) return kLowest;
  return std::min(logit, std::numeric_limits<float>::max());
}

bool more_probable(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

struct Best {
  float logit = kLowest;
  std::int32_t id = 0;
};

Best best_of(std::span<const float> logits) {
  Best best;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    // False for NaN; the first of equals stays.
    if (logits[i] > best.logit) best = {logits[i], static_cast<std::int32_t>(i)};
  }
  best.logit = tame(best.logit);
  return best;
}

// The k most probable, in order. k is small beside the vocabulary: one pass, with a heap whose top
// is the least of them.
void keep_top(std::span<const float> logits, std::size_t k, std::vector<Candidate>& out) {
  out.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const Candidate c{tame(logits[i]), static_cast<std::int32_t>(i), 0.0};
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
  std::sort_heap(out.begin(), out.end(), more_probable);
}

void keep_all(std::span<const float> logits, std::vector<Candidate>& out) {
  out.clear();
  out.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float logit = tame(logits[i]);
    if (logit != kLowest) out.push_back({logit, static_cast<std::int32_t>(i), 0.0});
  }
}

double total_weight(const std::vector<Candidate>& candidates) {
  double total = 0.0;
  for (const Candidate& c : candidates) total += c.weight;
  return total;
}

// The first candidates, in `order`, that together hold the fraction `mass` of all weight. Sorts
// only as far as it must.
template <class Order>
void keep_mass(std::vector<Candidate>& candidates, double mass, Order order) {
  const double wanted = mass * total_weight(candidates);
  double held = 0.0;
  std::size_t sorted = 0;
  for (std::size_t chunk = 64; sorted < candidates.size(); chunk *= 4) {
    const std::size_t end = std::min(candidates.size(), sorted + chunk);
    const auto begin = candidates.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(end);
    if (middle != candidates.end()) std::nth_element(begin, middle, candidates.end(), order);
    std::sort(begin, middle, order);
    for (; sorted < end; ++sorted) {
      held += candidates[sorted].weight;
      if (held >= wanted) {
        candidates.resize(sorted + 1);
        return;
      }
    }
  }
}

// How far a token's surprise lies from the expected one; the smallest are the most typical.
void keep_typical(std::vector<Candidate>& candidates, double mass) {
  std::erase_if(candidates, [](const Candidate& c) { return c.weight == 0.0; });
  const double total = total_weight(candidates);
  double entropy = 0.0;
  for (const Candidate& c : candidates) {
    const double p = c.weight / total;
    if (p >= std::numeric_limits<double>::min()) entropy -= p * log_of(p);
  }
  const auto distance = [&](const Candidate& c) {
    const double p = std::max(c.weight / total, std::numeric_limits<double>::min());
    const double d = -log_of(p) - entropy;
    return d < 0.0 ? -d : d;
  };
  keep_mass(candidates, mass, [&](const Candidate& a, const Candidate& b) {
    const double da = distance(a);
    const double db = distance(b);
    return da != db ? da < db : a.id < b.id;
  });
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
  require(p.top_k >= 0, "top_k", p.top_k, "0 (off) or more");
  require(p.top_p > 0.0f && p.top_p <= 1.0f, "top_p", p.top_p, "above 0 and at most 1");
  require(p.min_p >= 0.0f && p.min_p <= 1.0f, "min_p", p.min_p, "from 0 to 1");
  require(p.typical_p > 0.0f && p.typical_p <= 1.0f, "typical_p", p.typical_p,
          "above 0 and at most 1");
  require(p.repetition_penalty > 0.0f && p.repetition_penalty <= 100.0f, "repetition_penalty",
          p.repetition_penalty, "above 0 and at most 100");
  require(p.presence_penalty >= -2.0f && p.presence_penalty <= 2.0f, "presence_penalty",
          p.presence_penalty, "from -2 to 2");
  require(p.frequency_penalty >= -2.0f && p.frequency_penalty <= 2.0f, "frequency_penalty",
          p.frequency_penalty, "from -2 to 2");
  require(p.penalty_last_n >= -1, "penalty_last_n", p.penalty_last_n, "-1 (all) or more");
  for (const LogitBias& bias : p.logit_bias) {
    if (bias.token.value() < 0 || bias.token.value() >= vocabulary) {
      throw InvalidArgument("logit_bias: there is no token {} in a vocabulary of {}",
                            bias.token.value(), vocabulary);
    }
    require(bias.bias <= std::numeric_limits<float>::max(), "logit_bias", bias.bias,
            "a number or -infinity");
  }
}

Sampler::Sampler(SamplingParams params, std::int64_t vocabulary) : params_(std::move(params)) {
  validate(params_, vocabulary);
}

bool Sampler::has_penalties() const {
  return params_.penalty_last_n != 0 &&
         (params_.repetition_penalty != 1.0f || params_.presence_penalty != 0.0f ||
          params_.frequency_penalty != 0.0f);
}

void Sampler::adjust(std::span<const TokenId> own, SamplerScratch& scratch) const {
  std::vector<float>& logits = scratch.logits;
  for (const LogitBias& bias : params_.logit_bias) {
    logits[static_cast<std::size_t>(bias.token.value())] += bias.bias;
  }
  if (!has_penalties()) return;
  if (params_.penalty_last_n > 0) {
    own = own.last(std::min(own.size(), static_cast<std::size_t>(params_.penalty_last_n)));
  }
  scratch.seen.clear();
  for (const TokenId id : own) scratch.seen.push_back(id.value());
  std::sort(scratch.seen.begin(), scratch.seen.end());
  for (auto run = scratch.seen.begin(); run != scratch.seen.end();) {
    const auto end = std::find_if(run, scratch.seen.end(), [&](auto id) { return id != *run; });
    float& logit = logits[static_cast<std::size_t>(*run)];
    logit = logit > 0.0f ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    logit -= params_.presence_penalty;
    logit -= params_.frequency_penalty * static_cast<float>(end - run);
    run = end;
  }
}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> own,
                        std::uint64_t position, std::uint32_t choice,
                        SamplerScratch& scratch) const {
  SIROCCO_CHECK(!logits.empty());
  if (!params_.logit_bias.empty() || has_penalties()) {
    scratch.logits.assign(logits.begin(), logits.end());
    adjust(own, scratch);
    logits = scratch.logits;
  }
  const Best best = best_of(logits);
  if (params_.temperature == 0.0f || params_.top_k == 1 || best.logit == kLowest) {
    return TokenId(best.id);
  }

  std::vector<Candidate>& candidates = scratch.candidates;
  const auto k = static_cast<std::size_t>(params_.top_k);
  // Beyond that a heap is slower than a partial sort of everything.
  constexpr std::size_t kHeapLimit = 1024;
  if (k > 0 && k <= kHeapLimit && k < logits.size()) {
    keep_top(logits, k, candidates);
  } else {
    keep_all(logits, candidates);
    if (k > 0 && k < candidates.size()) {
      const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(k);
      std::nth_element(candidates.begin(), end, candidates.end(), more_probable);
      candidates.resize(k);
      std::sort(candidates.begin(), candidates.end(), more_probable);
    }
  }
  const double inverse = 1.0 / static_cast<double>(params_.temperature);
  const auto highest = static_cast<double>(best.logit);
  for (Candidate& c : candidates) {
    c.weight = exp_of((static_cast<double>(c.logit) - highest) * inverse);
  }
  if (params_.top_p < 1.0f) keep_mass(candidates, params_.top_p, more_probable);
  if (params_.min_p > 0.0f) {
    // The most probable weighs 1.
    const double least = params_.min_p;
    std::erase_if(candidates, [&](const Candidate& c) { return c.weight < least; });
  }
  if (params_.typical_p < 1.0f) keep_typical(candidates, params_.typical_p);
  return draw(candidates, uniform(params_.seed, position, choice));
}

}  // namespace sirocco
