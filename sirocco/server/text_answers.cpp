#include "sirocco/server/text_answers.hpp"

#include <algorithm>
#include <iterator>

namespace sirocco {

TextAnswers::TextAnswers(http::Exchange& exchange, std::vector<TextStream> streams, int choices,
                         ModelFigures figures)
    : exchange_(exchange),
      streams_(std::move(streams)),
      choices_(choices),
      noted_(streams_.size()),
      figures_(std::make_shared<ModelFigures>(std::move(figures))) {
  figures_->jobs = streams_.size();
  exchange_.leave_figures(figures_);
}

std::optional<TextAnswers::Piece> TextAnswers::try_next() {
  // In turn, so that a fast one doesn't hold back the others.
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::size_t at = (turn_ + i) % streams_.size();
    auto piece = streams_[at].try_next_piece();
    if (!piece) {
      if (streams_[at].ended()) note_end(at);
      continue;
    }
    turn_ = at + 1;
    figures_->generated_tokens += std::ssize(piece->tokens);
    return Piece{static_cast<int>(at) * choices_ + static_cast<int>(piece->choice),
                 std::move(*piece)};
  }
  return std::nullopt;
}

void TextAnswers::note_end(std::size_t stream) {
  if (noted_[stream]) return;
  noted_[stream] = true;
  const TextStream& of = streams_[stream];
  FinishReason reason = FinishReason::kStop;
  for (int i = 0; i < choices_; ++i)
    reason = worse(reason, of.completion(static_cast<std::uint32_t>(i)).reason);
  figures_->add_end(reason, of.usage().cached, of.completion().timings);
}

void TextAnswers::skip() {
  while (try_next()) {
  }
}

bool TextAnswers::ended() const { return std::ranges::all_of(streams_, &TextStream::ended); }

http::Task<std::optional<TextAnswers::Piece>> TextAnswers::next() {
  for (;;) {
    if (auto piece = try_next()) co_return std::move(*piece);
    if (ended()) co_return std::nullopt;
    co_await exchange_.wait();
  }
}

http::Task<std::variant<TextAnswers::Piece, TextAnswers::Silence, TextAnswers::AllEnded>>
TextAnswers::next_within(Seconds longest) {
  for (;;) {
    if (auto piece = try_next()) co_return std::move(*piece);
    if (ended()) co_return AllEnded{};
    if (!co_await exchange_.wait_for(longest)) co_return Silence{};
  }
}

const Completion& TextAnswers::completion(int index) const {
  return streams_[static_cast<std::size_t>(index / choices_)].completion(
      static_cast<std::uint32_t>(index % choices_));
}

Usage TextAnswers::usage() const {
  Usage sum;
  for (const TextStream& stream : streams_) {
    const Usage one = stream.usage();
    sum.prompt += one.prompt;
    sum.cached += one.cached;
    sum.generated += one.generated;
  }
  return sum;
}

RequestTimings TextAnswers::timings() const {
  RequestTimings longest;
  for (const TextStream& stream : streams_) {
    const RequestTimings& one = stream.completion().timings;
    longest.queued_s = std::max(longest.queued_s, one.queued_s);
    longest.first_s = std::max(longest.first_s, one.first_s);
    longest.rest_s = std::max(longest.rest_s, one.rest_s);
  }
  return longest;
}

}  // namespace sirocco
