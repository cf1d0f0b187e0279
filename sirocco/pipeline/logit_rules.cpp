#include "sirocco/pipeline/logit_rules.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::int64_t kMaxTokens = std::numeric_limits<std::int32_t>::max();

void require_id(TokenId id, std::string_view rule, std::int64_t vocabulary) {
  if (id.value() < 0 || id.value() >= vocabulary) {
    throw InvalidArgument("{}: there is no token {} in a vocabulary of {}", rule, id.value(),
                          vocabulary);
  }
}

void require_ids(std::span<const TokenId> ids, std::string_view rule, std::int64_t vocabulary) {
  for (const TokenId id : ids) require_id(id, rule, vocabulary);
}

void require_sequence(std::span<const TokenId> tokens, std::string_view rule,
                      std::int64_t vocabulary) {
  if (tokens.empty() || std::ssize(tokens) > kMaxRuleSequenceTokens) {
    throw InvalidArgument("{}: a sequence has {} tokens; it must have 1 to {}", rule, tokens.size(),
                          kMaxRuleSequenceTokens);
  }
  require_ids(tokens, rule, vocabulary);
}

void require_count(std::int64_t count, std::string_view rule) {
  if (count > kMaxRuleSequences) {
    throw InvalidArgument("{}: {} sequences were given, {} are allowed", rule, count,
                          kMaxRuleSequences);
  }
}

void require_tokens(std::int64_t value, std::string_view rule) {
  if (value < 0 || value > kMaxTokens)
    throw InvalidArgument("{} is {}; it must be from 0 to {}", rule, value, kMaxTokens);
}

std::size_t at(TokenId id) { return static_cast<std::size_t>(id.value()); }

void forbid(std::span<const TokenId> ids, std::span<float> logits) {
  for (const TokenId id : ids) logits[at(id)] = kForbidden;
}

/// base^exponent, the same bits everywhere; at most far more than floats hold.
double power(double base, std::int64_t exponent) {
  constexpr double kEnough = 1e150;
  double out = 1.0;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) out = std::min(out * base, kEnough);
    base = std::min(base * base, kEnough);
  }
  return out;
}

/// Forbids what follows the last `n - 1` tokens of `own` wherever these stand in `text`, by the
/// search of Knuth, Morris and Pratt (1977): neither repetitive text nor a large n makes it slow.
void forbid_ngrams(std::int64_t n, std::span<const TokenId> text, std::span<const TokenId> own,
                   std::span<float> logits, std::vector<std::int32_t>& borders) {
  if (std::ssize(own) < n - 1 || std::ssize(text) < n) return;
  const auto size = static_cast<std::size_t>(n - 1);
  const auto forbid_one = [&](TokenId id) {
    if (at(id) < logits.size()) logits[at(id)] = kForbidden;
  };
  if (size == 0) {
    for (const TokenId id : text) forbid_one(id);
    return;
  }
  const std::span<const TokenId> wanted = own.last(size);
  borders.assign(size, 0);
  for (std::size_t i = 1, k = 0; i < size; ++i) {
    while (k > 0 && wanted[i] != wanted[k]) k = static_cast<std::size_t>(borders[k - 1]);
    if (wanted[i] == wanted[k]) ++k;
    borders[i] = static_cast<std::int32_t>(k);
  }
  for (std::size_t i = 0, k = 0; i + 1 < text.size(); ++i) {
    while (k > 0 && text[i] != wanted[k]) k = static_cast<std::size_t>(borders[k - 1]);
    if (text[i] == wanted[k]) ++k;
    if (k < size) continue;
    forbid_one(text[i + 1]);
    k = static_cast<std::size_t>(borders[k - 1]);
  }
}

/// How many ids may be chosen, of rules that are right.
std::int64_t known_tokens(const LogitRules& rules, std::int64_t vocabulary) {
  validate(rules, vocabulary);
  return rules.known_tokens == 0 ? vocabulary : std::min(rules.known_tokens, vocabulary);
}

/// Those that can be chosen at all.
std::vector<TokenId> within(std::vector<TokenId> ids, std::int64_t known) {
  std::erase_if(ids, [&](TokenId id) { return id.value() < 0 || id.value() >= known; });
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

TokenId last_but_one(const SequenceBias& sequence) {
  return sequence.tokens[sequence.tokens.size() - 2];
}

}  // namespace

void validate(const LogitRules& rules, std::int64_t vocabulary) {
  require_tokens(rules.known_tokens, "known_tokens");
  require_count(std::ssize(rules.sequence_bias), "sequence_bias");
  for (const SequenceBias& each : rules.sequence_bias) {
    require_sequence(each.tokens, "sequence_bias", vocabulary);
    // Written so that a NaN is out of range, here and below.
    if (!(each.bias <= kLargest))
      throw InvalidArgument("sequence_bias: {} is no number, nor -infinity", each.bias);
  }
  if (!(rules.prompt_penalty > 0.0f && rules.prompt_penalty <= 100.0f)) {
    throw InvalidArgument("prompt_penalty is {}; it must be above 0 and at most 100",
                          rules.prompt_penalty);
  }
  require_tokens(rules.no_repeat_ngram, "no_repeat_ngram");
  require_tokens(rules.no_repeat_prompt_ngram, "no_repeat_prompt_ngram");
  require_count(std::ssize(rules.bad_words), "bad_words");
  for (const std::vector<TokenId>& each : rules.bad_words)
    require_sequence(each, "bad_words", vocabulary);
  require_tokens(rules.min_length, "min_length");
  require_tokens(rules.min_new_tokens, "min_new_tokens");
  if (rules.forced_first) require_id(*rules.forced_first, "forced_first", vocabulary);
  require_ids(rules.forced_last, "forced_last", vocabulary);
  if (rules.length_decay) {
    require_tokens(rules.length_decay->start, "length_decay.start");
    const float factor = rules.length_decay->factor;
    if (!(factor > 0.0f && factor <= 1000.0f)) {
      throw InvalidArgument("length_decay.factor is {}; it must be above 0 and at most 1000",
                            factor);
    }
  }
}

RuleBook::RuleBook(const LogitRules& rules, AnswerBounds bounds, std::int64_t vocabulary)
    : known_(known_tokens(rules, vocabulary)),
      prompt_(bounds.prompt),
      begin_(prompt_ + (prompt_ == 1 && rules.forced_first ? 1 : 0)),
      prompt_penalty_(rules.prompt_penalty),
      ngram_(rules.no_repeat_ngram),
      prompt_ngram_(rules.no_repeat_prompt_ngram),
      ends_(within(std::move(bounds.ends), known_)),
      forced_first_(rules.forced_first),
      forced_last_(within(rules.forced_last, known_)),
      decay_(rules.length_decay),
      suppressed_(within(rules.suppressed, known_)),
      at_begin_(within(rules.suppressed_at_begin, known_)) {
  first_end_ = rules.min_new_tokens > 0 ? prompt_ + rules.min_new_tokens : rules.min_length;
  if (!forced_last_.empty() && bounds.limit <= kMaxTokens) last_ = prompt_ + bounds.limit - 1;
  if (forced_first_ && forced_first_->value() >= known_) forced_first_.reset();

  for (const std::vector<TokenId>& each : rules.bad_words) {
    if (each.size() > 1 || !std::ranges::binary_search(ends_, each.front()))
      sequences_.push_back({each, kForbidden});
  }
  for (const SequenceBias& each : rules.sequence_bias) sequences_.push_back(each);
  std::erase_if(sequences_,
                [&](const SequenceBias& s) { return s.tokens.back().value() >= known_; });
  const auto several = std::ranges::stable_partition(
      sequences_, [](const SequenceBias& s) { return s.tokens.size() == 1; });
  lone_ = static_cast<std::size_t>(several.begin() - sequences_.begin());
  std::ranges::stable_sort(several, {}, last_but_one);
}

bool RuleBook::apply_at(std::int64_t tokens) const {
  return !suppressed_.empty() || !sequences_.empty() || prompt_penalty_ != 1.0f || ngram_ > 0 ||
         prompt_ngram_ > 0 || decay_ || tokens == last_ ||
         (tokens < first_end_ && !ends_.empty()) || (tokens == begin_ && !at_begin_.empty()) ||
         (tokens == 1 && forced_first_);
}

void RuleBook::weigh_sequences(std::span<const TokenId> own, std::span<float> logits) const {
  // Infinity less infinity is no number.
  const auto add = [&](const SequenceBias& sequence) {
    float& logit = logits[at(sequence.tokens.back())];
    logit = sequence.bias == kForbidden ? kForbidden : kept_finite(logit, logit + sequence.bias);
  };
  const auto all = std::span<const SequenceBias>(sequences_);
  for (const SequenceBias& sequence : all.first(lone_)) add(sequence);
  if (own.empty()) return;
  for (const SequenceBias& sequence :
       std::ranges::equal_range(all.subspan(lone_), own.back(), {}, last_but_one)) {
    const auto before = std::span<const TokenId>(sequence.tokens).first(sequence.tokens.size() - 1);
    if (before.size() <= own.size() && std::ranges::equal(own.last(before.size()), before))
      add(sequence);
  }
}

void RuleBook::decay(std::int64_t tokens, std::span<float> logits) const {
  const std::int64_t start = prompt_ + decay_->start;
  if (tokens <= start) return;
  const double grown = power(double{decay_->factor}, tokens - start) - 1.0;
  for (const TokenId end : ends_) {
    float& logit = logits[at(end)];
    if (!(logit > kForbidden && logit <= kLargest)) continue;
    const double raised = double{logit} + (logit < 0.0f ? -double{logit} : double{logit}) * grown;
    logit = static_cast<float>(std::clamp(raised, -double{kLargest}, double{kLargest}));
  }
}

void RuleBook::before_penalties(std::span<const TokenId> own, std::span<float> logits,
                                RuleScratch& scratch) const {
  weigh_sequences(own, logits);
  if (prompt_penalty_ == 1.0f) return;
  for_each_seen(own.first(std::min(prompt_, std::ssize(own))), std::ssize(logits), scratch,
                [&](std::size_t id, std::int32_t) {
                  float& logit = logits[id];
                  logit = kept_finite(
                      logit, logit < 0.0f ? logit / prompt_penalty_ : logit * prompt_penalty_);
                });
}

void RuleBook::behind_penalties(std::span<const TokenId> own, std::span<float> logits,
                                RuleScratch& scratch) const {
  const std::int64_t tokens = std::ssize(own);
  if (ngram_ > 0) forbid_ngrams(ngram_, own, own, logits, scratch.borders);
  if (prompt_ngram_ > 0)
    forbid_ngrams(prompt_ngram_, own.first(std::min(prompt_, tokens)), own, logits,
                  scratch.borders);
  if (tokens < first_end_) forbid(ends_, logits);
  const auto force = [&](std::span<const TokenId> ids) {
    std::ranges::fill(logits, kForbidden);
    for (const TokenId id : ids) logits[at(id)] = 0.0f;
  };
  if (tokens == 1 && forced_first_) force({&*forced_first_, 1});
  if (tokens == last_) force(forced_last_);
  if (decay_) decay(tokens, logits);
  forbid(suppressed_, logits);
  if (tokens == begin_) forbid(at_begin_, logits);
}

}  // namespace sirocco
