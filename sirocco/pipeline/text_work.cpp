#include "sirocco/pipeline/text_work.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

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
    if (limit.tokens < 1)
      throw InvalidArgument("max_tokens is {}; it must be at least 1", limit.tokens);
    if (limit.tokens > room) {
      throw InvalidArgument(
          "max_tokens: {} tokens behind a prompt of {} don't fit into the context of {}; {} would",
          limit.tokens, prompt, limits.max_context, room);
    }
  } else if (limit.tokens >= room) {
    limit = {room, FinishReason::kContextFull};
  }
  const std::int64_t positions = prompt + limit.tokens - 1;
  if (positions > limits.max_cached_positions) {
    throw ResourceExhausted("{} positions are needed and the cache holds {} in all", positions,
                            limits.max_cached_positions);
  }
  return limit;
}

CheckedTextJob::CheckedTextJob(const PipelineLimits& limits, TextJob job)
    : limit_(checked_limit(limits, job)),
      sequence_([&] {
        std::sort(job.end_tokens.begin(), job.end_tokens.end());
        Sampler sampler(std::move(job.sampling), limits.vocabulary,
                        {std::ssize(job.prompt.tokens()), limit_.tokens, job.end_tokens});
        return Sequence(std::move(job.prompt), std::move(sampler), limit_.tokens);
      }()),
      end_tokens_(std::move(job.end_tokens)),
      log_probabilities_(job.log_probabilities),
      choice_(job.choice),
      prefixes_(job.prefixes) {}

TextTerms CheckedTextJob::terms() const { return {sequence_.prompt_rows(), sequence_.limit()}; }

Usage CheckedTextJob::usage() const { return {.prompt = sequence_.prompt_rows()}; }

TextWork::TextWork(SequenceId id, CheckedTextJob job, SequenceCache cache, Seat seat)
    : id_(id),
      seat_(std::move(seat)),
      limit_(job.limit_),
      sequence_(std::move(job.sequence_)),
      end_tokens_(std::move(job.end_tokens_)),
      log_probabilities_(job.log_probabilities_),
      choice_(job.choice_),
      cache_(std::move(cache)),
      cached_(cache_.length()) {
  if (cached_ > 0) sequence_.read(cached_);
  list_indivisible();
}

void TextWork::list_indivisible() { sequence_.unread().list_indivisible(indivisible_); }

Demand TextWork::demand() const {
  return {.rows = sequence_.unread().size(),
          .urgent = sequence_.decoding(),
          .indivisible = indivisible_};
}

std::optional<TextEvent> TextWork::next_event() { return std::exchange(event_, std::nullopt); }

Usage TextWork::usage() const {
  return {sequence_.prompt_rows(), cached_, std::ssize(sequence_.generated())};
}

TextItem TextWork::item(std::int64_t rows) {
  const TextRows unread = sequence_.unread();
  TextItem item{id_, &cache_, unread.part(0, rows), NoOutput{}};
  if (rows == unread.size()) {
    item.wanted = WantToken{&sequence_.sampler(), sequence_.tokens(), choice_, log_probabilities_};
  }
  return item;
}

void TextWork::take(std::int64_t rows, const TextOutcome& outcome) {
  if (!std::holds_alternative<StepFault>(outcome)) cache_.end_step();
  if (!sequence_.decoding()) {
    sequence_.read(rows);
    list_indivisible();
  }
  if (const auto* fault = std::get_if<StepFault>(&outcome)) {
    ending_ = Ending{FinishReason::kFailed, step_fault_kind(*fault),
                     std::string(step_fault_text(*fault))};
    return;
  }
  const auto* chosen = std::get_if<ChosenToken>(&outcome);
  if (chosen == nullptr) return;
  if (std::binary_search(end_tokens_.begin(), end_tokens_.end(), chosen->token)) {
    ending_ = Ending{};
    return;
  }
  sequence_.append(chosen->token);
  event_ = TextEvent{chosen->token, choice_, chosen->log_probability};
  if (std::ssize(sequence_.generated()) >= limit_.tokens) ending_ = Ending{limit_.reason, {}, {}};
}

}  // namespace sirocco
