#include "sirocco/pipeline/text_work.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/choice_limit.hpp"

namespace sirocco {

namespace {

constexpr std::int32_t kMaxAlternatives = 128;

void require_choices(const PipelineLimits& limits, const TextJob& job) {
  const std::int32_t max = std::min(kMaxTextChoices, limits.max_sequences);
  if (job.choices < 1 || job.choices > max)
    throw InvalidArgument("n is {}; it must be 1 to {}", job.choices, max);
  for (const auto& alternatives : {job.alternatives, job.prompt_alternatives}) {
    if (!alternatives || (*alternatives >= 0 && *alternatives <= kMaxAlternatives)) continue;
    throw InvalidArgument("log-probabilities of {} alternatives were asked for; 0 to {} can be",
                          *alternatives, kMaxAlternatives);
  }
  if (job.prompt_alternatives && std::ssize(job.prompt.tokens()) < job.prompt.rows())
    throw InvalidArgument("log-probabilities of a prompt with embeddings were asked for");
}

/// The logits of a prompt's part stay below 16 MiB, whatever the vocabulary.
std::int64_t affordable_rows(const PipelineLimits& limits) {
  constexpr std::int64_t kMaxLogits = std::int64_t{4} << 20;
  return std::clamp<std::int64_t>(kMaxLogits / std::max<std::int64_t>(limits.vocabulary, 1), 1,
                                  limits.max_step);
}

}  // namespace

std::span<const ChosenToken> tokens_of(const TextOutcome& outcome) {
  if (const auto* one = std::get_if<ChosenToken>(&outcome)) return {one, 1};
  if (const auto* several = std::get_if<ChosenTokens>(&outcome)) return *several;
  return {};
}

CheckedTextJob::Limit CheckedTextJob::checked_limit(const PipelineLimits& limits,
                                                    const TextJob& job) {
  const std::int64_t prompt = job.prompt.rows();
  if (prompt == 0) throw InvalidArgument("prompt: there are no tokens");
  if (prompt > limits.max_context) {
    throw InvalidArgument("prompt: {} tokens don't fit into the context of {}", prompt,
                          limits.max_context);
  }
  TextRows(job.prompt).require_fit(limits, "prompt: ");
  // The last token is never read, so it takes no room.
  const std::int64_t room = limits.max_context - prompt + 1;
  Limit limit{limits.default_max_tokens, FinishReason::kLength};
  if (job.max_tokens) {
    limit.tokens = *job.max_tokens;
    const int least = job.prompt_alternatives ? 0 : 1;
    if (limit.tokens < least)
      throw InvalidArgument("max_tokens is {}; it must be at least {}", limit.tokens, least);
    if (limit.tokens > room) {
      throw InvalidArgument(
          "max_tokens: {} tokens behind a prompt of {} don't fit into the context of {}; {} would",
          limit.tokens, prompt, limits.max_context, room);
    }
  } else if (limit.tokens >= room) {
    limit = {room, FinishReason::kContextFull};
  }
  require_choices(limits, job);
  const std::int64_t positions = Sequence::worst_case_positions(prompt, limit.tokens);
  if (positions > limits.max_cached_positions) {
    throw ResourceExhausted("{} positions are needed and the cache holds {} in all", positions,
                            limits.max_cached_positions);
  }
  if (limits.cache != nullptr &&
      !limits.cache->holds(static_cast<std::int32_t>(positions), job.choices,
                           static_cast<std::int32_t>(prompt))) {
    throw ResourceExhausted(
        "n: {} answers of up to {} tokens to a prompt of {} are more than the cache holds: {} "
        "positions in all",
        job.choices, limit.tokens, prompt, limits.max_cached_positions);
  }
  return limit;
}

CheckedTextJob::CheckedTextJob(const PipelineLimits& limits, TextJob job)
    : limit_(checked_limit(limits, job)),
      sequence_([&] {
        std::sort(job.end_tokens.begin(), job.end_tokens.end());
        auto sampler = std::make_shared<const Sampler>(
            std::move(job.sampling), limits.vocabulary,
            AnswerBounds{std::ssize(job.prompt.tokens()), limit_.tokens, job.end_tokens});
        return Sequence(std::move(job.prompt), std::move(sampler), limit_.tokens);
      }()),
      end_tokens_(std::move(job.end_tokens)),
      alternatives_(job.alternatives),
      prompt_alternatives_(job.prompt_alternatives),
      max_step_(limits.max_step),
      max_scored_rows_(affordable_rows(limits)),
      choices_(job.choices) {
  // What a prefix's rows said isn't kept.
  if (!prompt_alternatives_) prefixes_ = job.prefixes;
}

TextTerms CheckedTextJob::terms() const { return {sequence_.prompt_rows(), sequence_.limit()}; }

Usage CheckedTextJob::usage() const { return {.prompt = sequence_.prompt_rows()}; }

TextWork::TextWork(SequenceId id, CheckedTextJob job, SequenceCache cache, Seat seat,
                   std::vector<Place> others, EndNote end)
    : id_(id),
      end_(std::move(end)),
      limit_(job.limit_),
      end_tokens_(std::move(job.end_tokens_)),
      alternatives_(job.alternatives_),
      prompt_alternatives_(job.prompt_alternatives_),
      max_step_(job.max_step_),
      max_scored_rows_(job.max_scored_rows_),
      prompt_rows_(job.sequence_.prompt_rows()),
      cached_(cache.length()),
      others_(std::move(others)) {
  choices_.reserve(others_.size() + 1);
  choices_.push_back({0, std::move(job.sequence_), std::move(cache), std::move(seat)});
  events_.reserve(2 * choices_.capacity() + 1);
  if (cached_ > 0) choices_.front().sequence.read(cached_);
  list_indivisible();
}

void TextWork::list_indivisible() {
  choices_.front().sequence.unread().list_indivisible(indivisible_);
}

Demand TextWork::demand() const {
  if (reads_prompt()) {
    const Choice& only = choices_.front();
    std::int64_t rows = only.sequence.unread().size();
    if (prompt_alternatives_) rows = std::min(rows, max_scored_rows_);
    // Nobody knows where a step ends that is made larger for what must not be cut.
    if (steps_ > 0)
      rows = indivisible_.empty() ? std::min(rows, max_step_ - only.cache.under_way()) : 0;
    return {
        .rows = rows, .urgent = false, .depth = only.cache.length(), .indivisible = indivisible_};
  }
  if (steps_ > 0) return {};
  std::int64_t seen = 0;
  for (const Choice& choice : choices_) seen += choice.cache.length();
  return {.rows = std::ssize(choices_), .urgent = true, .depth = seen / std::ssize(choices_)};
}

std::optional<TextEvent> TextWork::next_event() {
  if (next_ < events_.size()) return std::move(events_[next_++]);
  events_.clear();
  next_ = 0;
  return std::nullopt;
}

Usage TextWork::usage() const {
  Usage usage{prompt_rows_, cached_, generated_};
  for (const Choice& choice : choices_) usage.generated += std::ssize(choice.sequence.generated());
  return usage;
}

void TextWork::cancel_choices(std::uint64_t choices) {
  const std::size_t count = choices_.size() + others_.size();
  if (count == 0 || (choices & ~cancelled_) == 0) return;
  cancelled_ |= choices;
  if (!reads_prompt()) {
    ended_ = cancelled_;
    drop_ended();
    return;
  }
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - count);
  if ((cancelled_ & all) == all) ending_ = Ending{.reason = FinishReason::kCancelled};
}

void TextWork::list_items(std::int64_t rows, std::vector<TextItem>& items) {
  for (Choice& choice : choices_) {
    const TextRows unread = choice.sequence.unread();
    const std::int64_t part = reads_prompt() ? rows : 1;
    TextItem& item =
        items.emplace_back(TextItem{id_, &choice.cache, unread.part(0, part), NoOutput{}});
    if (prompt_alternatives_ && reads_prompt()) item.scores = wanted_scores(rows);
    if (part < unread.size() || limit_.tokens == 0) continue;
    item.wanted = WantToken{&choice.sequence.sampler(), choice.sequence.tokens(), choice.number,
                            static_cast<std::uint32_t>(others_.size()) + 1, alternatives_};
  }
  ++steps_;
  if (!reads_prompt()) return;
  choices_.front().sequence.read(rows);
  list_indivisible();
}

WantScores TextWork::wanted_scores(std::int64_t rows) const {
  const Choice& only = choices_.front();
  const auto next = static_cast<std::size_t>(only.cache.length()) + 1;
  const std::span<const TokenId> rest = only.sequence.tokens().subspan(next);
  return {rest.first(std::min(rest.size(), static_cast<std::size_t>(rows))), *prompt_alternatives_};
}

void TextWork::take(std::span<TextOutcome> outcomes, std::span<ChosenTokens> scores) {
  --steps_;
  if (ending_) return;  // what came of an earlier step
  for (std::size_t i = 0; i < choices_.size(); ++i)
    if (!std::holds_alternative<StepFault>(outcomes[i])) choices_[i].cache.end_step();
  for (const TextOutcome& outcome : outcomes)
    if (const auto* fault = std::get_if<StepFault>(&outcome)) return fail(*fault);
  if (reads_prompt() && prompt_alternatives_) {
    if (!std::ranges::all_of(scores.front(), [](const ChosenToken& token) {
          return token.log_probability.has_value();
        }))
      return fail(StepFault::kScoresNotFinite);
    std::ranges::move(scores.front(), std::back_inserter(scores_.tokens));
    if (steps_ == 0 && choices_.front().sequence.unread().size() == 0) {
      events_.push_back({0, std::move(scores_)});
      if (limit_.tokens == 0) return end_all();
    }
  }
  if (auto* several = std::get_if<ChosenTokens>(&outcomes.front())) {
    begin_choices(*several);
  } else {
    for (std::size_t i = 0; i < choices_.size(); ++i)
      if (auto* token = std::get_if<ChosenToken>(&outcomes[i])) append(choices_[i], *token);
  }
  drop_ended();
}

void TextWork::drop() {
  --steps_;
  if (!ending_) ending_ = Ending{.reason = FinishReason::kFailed};
}

void TextWork::fail(StepFault fault) {
  ending_ =
      Ending{FinishReason::kFailed, step_fault_kind(fault), std::string(step_fault_text(fault))};
}

void TextWork::end_all() {
  for (std::uint32_t number = 0; number <= others_.size(); ++number)
    if (wanted(number)) events_.push_back({number, limit_.reason});
  others_.clear();
  choices_.clear();
  ending_ = Ending{.reason = limit_.reason};
}

void TextWork::begin_choices(std::span<ChosenToken> tokens) {
  for (Place& place : others_) {
    const auto number = static_cast<std::uint32_t>(choices_.size());
    const Choice& first = choices_.front();
    choices_.push_back({number, first.sequence.another(), first.cache.fork(std::move(place.cache)),
                        std::move(place.seat)});
  }
  others_.clear();
  for (Choice& choice : choices_) append(choice, tokens[choice.number]);
  ended_ |= cancelled_;
}

void TextWork::append(Choice& choice, ChosenToken& token) {
  if (std::binary_search(end_tokens_.begin(), end_tokens_.end(), token.token))
    return end(choice, FinishReason::kStop);
  choice.sequence.append(token.token);
  if (wanted(choice.number)) events_.push_back({choice.number, std::move(token)});
  if (std::ssize(choice.sequence.generated()) >= limit_.tokens) end(choice, limit_.reason);
}

void TextWork::end(Choice& choice, FinishReason reason) {
  ended_ |= std::uint64_t{1} << choice.number;
  if (wanted(choice.number)) events_.push_back({choice.number, reason});
  last_reason_ = reason;
}

void TextWork::drop_ended() {
  std::erase_if(choices_, [&](const Choice& choice) {
    if ((ended_ >> choice.number & 1) == 0) return false;
    generated_ += std::ssize(choice.sequence.generated());
    return true;
  });
  ended_ = 0;
  if (choices_.empty()) ending_ = Ending{.reason = last_reason_};
}

}  // namespace sirocco
