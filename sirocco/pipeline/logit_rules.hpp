#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"

namespace sirocco {

/// Tokens in a row, and what is added to the logit of the last one where it would complete them.
struct SequenceBias {
  std::vector<TokenId> tokens;
  float bias = 0.0f;  ///< -infinity forbids it
};

/// An answer's ends become likelier with its length: behind n more than `start` tokens their logits
/// grow by |logit| · (factor^n - 1).
struct LengthDecay {
  std::int64_t start = 0;
  float factor = 1.0f;
};

/// What bears on the next token however it is sampled: what is never said, not twice, not yet, or
/// at last. Each rule is a logits processor of transformers (generation/logits_process.py), for a
/// model without an encoder; the brackets hold its name in generation_config.json. They apply in
/// transformers' order. The defaults change nothing.
struct LogitRules {
  /// Only ids below this are chosen, as far as the vocabulary goes; 0: all. (A model's head may
  /// have more rows than its tokenizer has tokens.)
  std::int64_t known_tokens = 0;
  /// [sequence_bias]
  std::vector<SequenceBias> sequence_bias;
  /// > 0: above 1 it favours the prompt's tokens [encoder_repetition_penalty]
  float prompt_penalty = 1.0f;
  /// So many tokens in a row come once at most; 0: off [no_repeat_ngram_size]
  std::int64_t no_repeat_ngram = 0;
  /// So many tokens in a row of the prompt don't come again; 0: off [encoder_no_repeat_ngram_size]
  std::int64_t no_repeat_prompt_ngram = 0;
  /// Never said, but for a lone token that ends the answer [bad_words_ids]
  std::vector<std::vector<TokenId>> bad_words;
  /// Tokens, the prompt's too, before the answer may end; counts without `min_new_tokens`
  /// [min_length]
  std::int64_t min_length = 0;
  /// The same of the answer alone [min_new_tokens]
  std::int64_t min_new_tokens = 0;
  /// The token behind a prompt of one token [forced_bos_token_id]
  std::optional<TokenId> forced_first;
  /// One of these is the last token that the limit allows [forced_eos_token_id]
  std::vector<TokenId> forced_last;
  /// [exponential_decay_length_penalty]
  std::optional<LengthDecay> length_decay;
  /// Never chosen [suppress_tokens]
  std::vector<TokenId> suppressed;
  /// Not chosen as the first of an answer [begin_suppress_tokens]
  std::vector<TokenId> suppressed_at_begin;
};

/// Limits on rules, whoever asks for them.
constexpr std::int64_t kMaxRuleSequences = std::int64_t{1} << 16;
constexpr std::int64_t kMaxRuleSequenceTokens = 1024;

/// Throws InvalidArgument that names the rule whose value is out of its range: an id outside the
/// vocabulary (but for suppressed ones, which are never chosen anyway), an empty sequence, too long
/// a one, too many.
void validate(const LogitRules& rules, std::int64_t vocabulary);

/// A changed logit, finite where it was: no rule makes an infinity but the one that forbids.
inline float kept_finite(float before, float after) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  return after > kLargest && before <= kLargest ? kLargest : after;
}

/// Where in its sequence an answer begins, and where it ends.
struct AnswerBounds {
  std::int64_t prompt = 0;                                        ///< tokens in front of it
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();  ///< on its tokens
  std::vector<TokenId> ends;                                      ///< tokens that end it
};

/// Working memory of rules and penalties, kept from token to token.
struct RuleScratch {
  std::vector<std::int32_t> counts;   // of each token; zeros between uses
  std::vector<std::int32_t> borders;  // of the last n-gram's beginnings
};

/// body(id, times) for each different token of `tokens` that is below `known`, in the order in
/// which they come. Time is proportional to the tokens.
template <class Body>
void for_each_seen(std::span<const TokenId> tokens, std::int64_t known, RuleScratch& scratch,
                   Body body) {
  if (std::ssize(scratch.counts) < known) scratch.counts.resize(static_cast<std::size_t>(known), 0);
  const auto in_reach = [&](TokenId id) { return id.value() >= 0 && id.value() < known; };
  for (const TokenId id : tokens)
    if (in_reach(id)) ++scratch.counts[static_cast<std::size_t>(id.value())];
  for (const TokenId id : tokens) {
    if (!in_reach(id)) continue;
    std::int32_t& count = scratch.counts[static_cast<std::size_t>(id.value())];
    if (count == 0) continue;
    body(static_cast<std::size_t>(id.value()), count);
    count = 0;
  }
}

/// The rules of one answer, ready for use. A pure function of the sequence's own tokens; a token
/// takes time proportional to their number and to that of the rules. Immutable, may be shared.
class RuleBook {
 public:
  /// Throws as `validate`.
  RuleBook(const LogitRules& rules, AnswerBounds bounds, std::int64_t vocabulary);

  /// How many ids may be chosen: those from 0 on.
  std::int64_t known() const { return known_; }
  /// The tokens in front of the answer.
  std::int64_t prompt() const { return prompt_; }
  /// Whether the next token of a sequence of so many tokens has rules.
  bool apply_at(std::int64_t tokens) const;

  // `logits` are those of the `known` tokens, `own` all tokens of the sequence so far.

  /// What comes before the penalties.
  void before_penalties(std::span<const TokenId> own, std::span<float> logits,
                        RuleScratch& scratch) const;
  /// What comes behind them.
  void behind_penalties(std::span<const TokenId> own, std::span<float> logits,
                        RuleScratch& scratch) const;

 private:
  void weigh_sequences(std::span<const TokenId> own, std::span<float> logits) const;
  void decay(std::int64_t tokens, std::span<float> logits) const;

  std::int64_t known_;
  std::int64_t prompt_;
  std::int64_t first_end_ = 0;  // tokens from which on the answer may end
  std::int64_t last_ = std::numeric_limits<std::int64_t>::max();  // tokens before the last one
  std::int64_t begin_;                                            // those before the first free one
  std::vector<SequenceBias> sequences_;  // by the last token but one; lone ones first
  std::size_t lone_ = 0;                 // how many have one token only
  float prompt_penalty_;
  std::int64_t ngram_;
  std::int64_t prompt_ngram_;
  std::vector<TokenId> ends_;
  std::optional<TokenId> forced_first_;
  std::vector<TokenId> forced_last_;
  std::optional<LengthDecay> decay_;
  std::vector<TokenId> suppressed_;
  std::vector<TokenId> at_begin_;
};

}  // namespace sirocco
