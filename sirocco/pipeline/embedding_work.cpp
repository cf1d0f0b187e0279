#include "sirocco/pipeline/embedding_work.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/token_checks.hpp"

namespace sirocco {

CheckedEmbeddingJob::CheckedEmbeddingJob(const PipelineLimits& limits, EmbeddingJob job)
    : tokens_(std::move(job.tokens)) {
  if (std::ssize(tokens_) > limits.max_context) {
    throw InvalidArgument("a text of {} tokens doesn't fit into the context of {}", tokens_.size(),
                          limits.max_context);
  }
  require_tokens(tokens_, limits.vocabulary);
}

EmbeddingWork::EmbeddingWork(CheckedEmbeddingJob job, Seat seat)
    : seat_(std::move(seat)),
      tokens_(std::move(job.tokens_)),
      whole_{0, std::max<std::int64_t>(std::ssize(tokens_), 1)} {}

void EmbeddingWork::take(EmbeddingEvent embedding) {
  if (embedding.empty()) {
    constexpr StepFault kFault = StepFault::kEmbeddingNotFinite;
    ending_ = Ending{FinishReason::kFailed, step_fault_kind(kFault),
                     std::string(step_fault_text(kFault))};
    return;
  }
  event_ = std::move(embedding);
  ending_ = Ending{};
}

}  // namespace sirocco
