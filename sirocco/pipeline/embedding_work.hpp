#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

/// What a program asks of an embedding model: the vector of some tokens.
struct EmbeddingJob {
  /// May be none: the vector is then what the projections make of zeros, as in
  /// sentence-transformers, where nothing is left of such a text behind the mask.
  std::vector<TokenId> tokens;
};

/// What holds for an embedding job.
struct EmbeddingTerms {
  std::int64_t tokens = 0;
};

/// The embedding, [width].
using EmbeddingEvent = std::vector<float>;

/// An embedding job that a pipeline of certain limits can run. Move-only.
class CheckedEmbeddingJob {
 public:
  /// Throws InvalidArgument for a token outside the vocabulary or more than the context.
  CheckedEmbeddingJob(const PipelineLimits& limits, EmbeddingJob job);
  CheckedEmbeddingJob(CheckedEmbeddingJob&&) noexcept = default;
  CheckedEmbeddingJob& operator=(CheckedEmbeddingJob&&) noexcept = default;

  EmbeddingTerms terms() const { return {std::ssize(tokens_)}; }
  Usage usage() const { return {.prompt = std::ssize(tokens_)}; }

 private:
  friend class EmbeddingPipeline;
  friend class EmbeddingWork;
  std::vector<TokenId> tokens_;
};

/// A text on its way to its vector: whole in one step.
class EmbeddingWork {
 public:
  EmbeddingWork(EmbeddingWork&&) noexcept = default;
  EmbeddingWork& operator=(EmbeddingWork&&) noexcept = default;

  Demand demand() const {
    return {.rows = whole_.end, .urgent = false, .indivisible = std::span(&whole_, 1)};
  }
  std::optional<EmbeddingEvent> next_event() { return std::exchange(event_, std::nullopt); }
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const { return {.prompt = std::ssize(tokens_)}; }

 private:
  friend class EmbeddingPipeline;
  EmbeddingWork(CheckedEmbeddingJob job, Seat seat);
  /// The step is over; an empty embedding isn't made of finite numbers.
  void take(EmbeddingEvent embedding);

  Seat seat_;
  std::vector<TokenId> tokens_;
  IndivisibleRows whole_;
  std::optional<EmbeddingEvent> event_;
  std::optional<Ending> ending_;
};

}  // namespace sirocco
