#include "sirocco/pipeline/embedding_work.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {
namespace {

void check(const PipelineLimits& limits, const std::vector<TokenId>& tokens) {
  if (std::ssize(tokens) > limits.max_context) {
    throw InvalidArgument("a text of {} tokens doesn't fit into the context of {}", tokens.size(),
                          limits.max_context);
  }
  require_tokens(tokens, limits.vocabulary);
}

void check(const PipelineLimits& limits, const std::shared_ptr<const EncoderInput>& picture) {
  if (picture == nullptr) throw InvalidArgument("there is no picture where one should come");
  if (picture->rows() == 1 && picture->width() == limits.embedding_width) return;
  throw InvalidArgument("an encoder makes {} rows of {} of a picture; an embedding is one of {}",
                        picture->rows(), picture->width(), limits.embedding_width);
}

}  // namespace

std::int64_t EmbeddingJob::rows() const {
  if (const auto* const tokens = std::get_if<std::vector<TokenId>>(&of)) return std::ssize(*tokens);
  const auto& picture = std::get<std::shared_ptr<const EncoderInput>>(of);
  return picture == nullptr ? 0 : picture->rows();
}

CheckedEmbeddingJob::CheckedEmbeddingJob(const PipelineLimits& limits, EmbeddingJob job)
    : job_(std::move(job)) {
  std::visit([&](const auto& each) { check(limits, each); }, job_.of);
}

EmbeddingWork::EmbeddingWork(std::vector<TokenId> tokens, Seat seat)
    : seat_(std::move(seat)), rows_(std::ssize(tokens)) {
  of_ = Text{std::move(tokens), {0, std::max<std::int64_t>(rows_, 1)}};
}

EmbeddingWork::EmbeddingWork(std::unique_ptr<EncoderPass> picture, Seat seat)
    : seat_(std::move(seat)), rows_(1), of_(std::move(picture)) {}

Demand EmbeddingWork::demand() const {
  if (ending_) return {};
  if (const auto* const picture = std::get_if<std::unique_ptr<EncoderPass>>(&of_))
    return {.rows = encoded_rows((*picture)->left()), .encodes = true};
  const IndivisibleRows& whole = std::get<Text>(of_).whole;
  return {.rows = whole.end, .urgent = false, .indivisible = std::span(&whole, 1)};
}

void EmbeddingWork::take(EmbeddingEvent embedding) {
  if (embedding.empty()) {
    constexpr StepFault kFault = StepFault::kEmbeddingNotFinite;
    return fail(step_fault_kind(kFault), std::string(step_fault_text(kFault)));
  }
  event_ = std::move(embedding);
  ending_ = Ending{};
}

void EmbeddingWork::fail(ErrorKind kind, std::string message) {
  ending_ = Ending{FinishReason::kFailed, kind, std::move(message)};
}

}  // namespace sirocco
