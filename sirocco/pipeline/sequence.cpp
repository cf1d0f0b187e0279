#include "sirocco/pipeline/sequence.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

Sequence::Sequence(Prompt prompt, std::shared_ptr<const Sampler> sampler, std::int64_t limit)
    : prompt_rows_(prompt.rows()),
      tokens_(std::move(prompt.tokens_)),
      prompt_tokens_(tokens_.size()),
      rotary_shift_(prompt.answer_rotary_shift()),
      arrangement_(std::move(prompt.arrangement_)),
      sampler_(std::move(sampler)),
      limit_(limit) {
  SIROCCO_CHECK(prompt_rows_ > 0 && limit_ >= 0);
  tokens_.reserve(prompt_tokens_ + static_cast<std::size_t>(limit_));
}

Sequence Sequence::another() const {
  SIROCCO_CHECK(!decoding());
  Sequence copy(*this);
  copy.tokens_.reserve(tokens_.size() + static_cast<std::size_t>(limit_));
  return copy;
}

TextRows Sequence::unread() const {
  if (const auto* prefilling = std::get_if<Prefilling>(&phase_)) {
    const TextRows prompt(tokens(), arrangement_.get(), prompt_rows_);
    return prompt.part(prefilling->done, prompt_rows_ - prefilling->done);
  }
  return TextRows(tokens().last(1)).with_rotary_shift(rotary_shift_);
}

void Sequence::read(std::int64_t rows) {
  auto* prefilling = std::get_if<Prefilling>(&phase_);
  SIROCCO_CHECK(prefilling != nullptr && rows > 0 && prefilling->done + rows <= prompt_rows_);
  prefilling->done += rows;
}

void Sequence::append(TokenId token) {
  if (const auto* prefilling = std::get_if<Prefilling>(&phase_)) {
    SIROCCO_CHECK(prefilling->done == prompt_rows_);
    arrangement_.reset();  // embeddings are large
  }
  tokens_.push_back(token);
  phase_ = Decoding{};
}

}  // namespace sirocco
