#include "sirocco/engine/sequence.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kFailed:
      return "failed";
  }
  return "";
}

Sequence::Sequence(SequenceId id, std::vector<TokenId> prompt, Sampler sampler, std::int64_t limit,
                   Seconds now)
    : id_(id),
      tokens_(std::move(prompt)),
      prompt_size_(tokens_.size()),
      sampler_(std::move(sampler)),
      limit_(limit),
      state_(Queued{.since = now}) {
  SIROCCO_CHECK(prompt_size_ > 0 && limit_ > 0);
}

std::int64_t Sequence::worst_case_positions() const {
  return static_cast<std::int64_t>(prompt_size_) + limit_ - 1;
}

std::span<const TokenId> Sequence::unread() const {
  const auto* active = std::get_if<Active>(&state_);
  SIROCCO_CHECK(active != nullptr);
  if (const auto* prefilling = std::get_if<Prefilling>(&active->phase)) {
    return prompt().subspan(static_cast<std::size_t>(prefilling->done));
  }
  return tokens().last(1);
}

void Sequence::admit(Seconds now) {
  const auto* queued = std::get_if<Queued>(&state_);
  SIROCCO_CHECK(queued != nullptr);
  tokens_.reserve(prompt_size_ + static_cast<std::size_t>(limit_));
  state_ = Active{Prefilling{.since = now, .done = 0, .queued_s = now - queued->since}};
}

void Sequence::read(std::int64_t tokens) {
  auto* active = std::get_if<Active>(&state_);
  SIROCCO_CHECK(active != nullptr);
  auto* prefilling = std::get_if<Prefilling>(&active->phase);
  SIROCCO_CHECK(prefilling != nullptr && tokens > 0 &&
                prefilling->done + tokens <= static_cast<std::int64_t>(prompt_size_));
  prefilling->done += tokens;
}

void Sequence::append(TokenId token, Seconds now) {
  auto* active = std::get_if<Active>(&state_);
  SIROCCO_CHECK(active != nullptr);
  tokens_.push_back(token);
  if (auto* decoding = std::get_if<Decoding>(&active->phase)) {
    decoding->last = now;
    return;
  }
  const Prefilling& prefilling = std::get<Prefilling>(active->phase);
  SIROCCO_CHECK(prefilling.done == static_cast<std::int64_t>(prompt_size_));
  active->phase = Decoding{.since = now,
                           .last = now,
                           .queued_s = prefilling.queued_s,
                           .prompt_s = now - prefilling.since};
}

void Sequence::finish(FinishReason reason, Seconds now, std::string message) {
  SequenceTimings timings;
  timings.prompt_tokens = static_cast<std::int64_t>(prompt_size_);
  timings.generated_tokens = static_cast<std::int64_t>(generated().size());
  if (const auto* queued = std::get_if<Queued>(&state_)) {
    timings.queued_s = now - queued->since;
  } else {
    const auto* active = std::get_if<Active>(&state_);
    SIROCCO_CHECK(active != nullptr);
    if (const auto* prefilling = std::get_if<Prefilling>(&active->phase)) {
      timings.queued_s = prefilling->queued_s;
      timings.prompt_s = now - prefilling->since;
    } else {
      const auto& decoding = std::get<Decoding>(active->phase);
      timings.queued_s = decoding.queued_s;
      timings.prompt_s = decoding.prompt_s;
      timings.generation_s = decoding.last - decoding.since;
    }
  }
  state_ = Finished{reason, std::move(message), timings};
}

}  // namespace sirocco
