#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/logit_rules.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

struct LogitBias {
  TokenId token;
  float bias = 0.0f;  ///< added to the token's logit; -infinity forbids it
};

/// How the next token is chosen from its logits. The steps apply in this order; the defaults leave
/// the model's own distribution as it is.
struct SamplingParams {
  std::vector<LogitBias> logit_bias;
  LogitRules rules;  ///< before and behind the penalties
  // Penalties, over the last `penalty_last_n` of the sequence's own tokens.
  float repetition_penalty = 1.0f;   ///< > 0: divides positive logits of seen tokens, multiplies
                                     ///< negative ones (Keskar et al. 2019)
  float presence_penalty = 0.0f;     ///< -2 to 2: subtracted from a seen token's logit
  float frequency_penalty = 0.0f;    ///< -2 to 2: the same, times how often it was seen
  std::int64_t penalty_last_n = 64;  ///< -1: all of them; 0: no penalties
  bool penalize_prompt = true;       ///< false: of the tokens of the answer only

  float temperature = 1.0f;  ///< >= 0: divides the logits; 0: the highest wins
  std::int64_t top_k = 0;    ///< only the k most probable; 0: off
  float top_p = 1.0f;        ///< [0, 1]: the fewest most probable that hold so much probability,
                             ///< one at least (Holtzman et al. 2020)
  float min_p = 0.0f;        ///< [0, 1]: those at least so probable, relative to the most probable
                             ///< (Nguyen et al. 2024)
  float typical_p = 1.0f;    ///< (0, 1]: the fewest most typical that hold so much probability
                             ///< (Meister et al. 2023)
  std::uint64_t seed = 0;
};

/// Throws InvalidArgument that names the field whose value is out of its range. `vocabulary` is the
/// number of tokens.
void validate(const SamplingParams& params, std::int64_t vocabulary);

/// Working memory of sampling, kept from token to token. Any sampler may use it, one at a time.
struct SamplerScratch {
  struct Candidate {
    float logit;
    std::int32_t id;
    double weight;
  };
  std::vector<float> logits;  // as biases, rules and penalties leave them
  RuleScratch rules;
  std::vector<float> maxima;  // of blocks of logits
  std::vector<float> ordered_maxima;
  std::vector<float> weights;  // of all tokens
  std::vector<double> sums;    // of blocks of weights
  std::vector<Candidate> candidates;
  std::vector<Candidate> edge;  // those among which a cut lies

  /// Sets address space aside for all that sampling can come to; memory is taken as it is used.
  void reserve(std::int64_t vocabulary, std::int64_t context);
};

/// A token, or why there is none: logits of -infinity only (kNothingAllowed), or one that is NaN or
/// +infinity among those of the known tokens, unless a rule forbids that token or forces another
/// (kScoresNotFinite).
using Sampled = std::variant<TokenId, StepFault>;

/// ln p of a token by the distribution that logits [V] stand for, as they are.
float log_probability(std::span<const float> logits, TokenId token, SamplerScratch& scratch);

/// A token and ln p of it.
struct TokenProbability {
  TokenId token;
  float log_probability = 0.0f;
};
/// The `count` likeliest tokens by the distribution that logits [V] stand for, as they are: the
/// likeliest first, of equals the lower id.
std::vector<TokenProbability> likeliest(std::span<const float> logits, std::int32_t count,
                                        SamplerScratch& scratch);

/// Chooses tokens. The choice is a function of (logits, parameters, bounds of the answer, the
/// sequence's own tokens, seed, position, choice) and of nothing else: a counter-based generator,
/// no libm, sums in a fixed order, ties to the lower id. Immutable, may be shared.
class Sampler {
 public:
  /// Throws as `validate`.
  Sampler(SamplingParams params, std::int64_t vocabulary, AnswerBounds bounds = {});

  const SamplingParams& params() const { return params_; }
  const AnswerBounds& bounds() const { return bounds_; }

  /// The logits of the tokens that may be chosen, after biases, rules and penalties: those that
  /// came where nothing changes, else in `scratch`. `logits` is [V]; `own` the tokens before.
  std::span<const float> adjusted(std::span<const float> logits, std::span<const TokenId> own,
                                  SamplerScratch& scratch) const;

  /// The token at `position` of the sequence. `logits` is [V]; `own` the tokens before it;
  /// `choice` numbers answers to one prompt.
  Sampled sample(std::span<const float> logits, std::span<const TokenId> own, Position position,
                 std::uint32_t choice, SamplerScratch& scratch) const;

 private:
  bool has_penalties() const;
  void adjust(std::span<const TokenId> own, std::span<float> logits, RuleScratch& scratch) const;

  SamplingParams params_;
  AnswerBounds bounds_;
  RuleBook rules_;
};

}  // namespace sirocco
