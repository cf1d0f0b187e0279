#include "sirocco/pipeline/sequence.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

Sequence::Sequence(std::vector<TokenId> prompt, Sampler sampler, std::int64_t limit)
    : tokens_(std::move(prompt)),
      prompt_size_(tokens_.size()),
      sampler_(std::move(sampler)),
      limit_(limit) {
  SIROCCO_CHECK(prompt_size_ > 0 && limit_ > 0);
  tokens_.reserve(prompt_size_ + static_cast<std::size_t>(limit_));
}

std::int64_t Sequence::worst_case_positions() const {
  return static_cast<std::int64_t>(prompt_size_) + limit_ - 1;
}

std::span<const TokenId> Sequence::unread() const {
  if (const auto* prefilling = std::get_if<Prefilling>(&phase_))
    return prompt().subspan(static_cast<std::size_t>(prefilling->done));
  return tokens().last(1);
}

void Sequence::read(std::int64_t tokens) {
  auto* prefilling = std::get_if<Prefilling>(&phase_);
  SIROCCO_CHECK(prefilling != nullptr && tokens > 0 &&
                prefilling->done + tokens <= static_cast<std::int64_t>(prompt_size_));
  prefilling->done += tokens;
}

void Sequence::append(TokenId token) {
  if (const auto* prefilling = std::get_if<Prefilling>(&phase_))
    SIROCCO_CHECK(prefilling->done == static_cast<std::int64_t>(prompt_size_));
  tokens_.push_back(token);
  phase_ = Decoding{};
}

}  // namespace sirocco
