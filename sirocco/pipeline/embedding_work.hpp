#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/encoder_pass.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/step_fault.hpp"

namespace sirocco {

/// What a program asks of an embedding model: the vector of some tokens, or of a picture.
struct EmbeddingJob {
  /// Tokens may be none: the vector is then what the projections make of zeros, as in
  /// sentence-transformers, where nothing is left of such a text behind the mask. A picture comes
  /// with its encoder, which makes one row of it.
  std::variant<std::vector<TokenId>, std::shared_ptr<const EncoderInput>> of;

  /// Tokens, or the rows that a picture's encoder makes.
  std::int64_t rows() const;
};

/// What holds for an embedding job.
struct EmbeddingTerms {
  std::int64_t rows = 0;
};

/// The embedding, [width].
using EmbeddingEvent = std::vector<float>;

/// An embedding job that a pipeline of certain limits can run. Move-only.
class CheckedEmbeddingJob {
 public:
  /// Throws InvalidArgument for a token outside the vocabulary, for more than the context, and for
  /// a picture whose encoder doesn't make one row as wide as embeddings are.
  CheckedEmbeddingJob(const PipelineLimits& limits, EmbeddingJob job);
  CheckedEmbeddingJob(CheckedEmbeddingJob&&) noexcept = default;
  CheckedEmbeddingJob& operator=(CheckedEmbeddingJob&&) noexcept = default;

  EmbeddingTerms terms() const { return {job_.rows()}; }
  Usage usage() const { return {.prompt = job_.rows()}; }

 private:
  friend class EmbeddingPipeline;
  EmbeddingJob job_;
};

/// A text or a picture on its way to its vector: a text is whole in one step, a picture goes
/// through its encoder in parts.
class EmbeddingWork {
 public:
  EmbeddingWork(EmbeddingWork&&) noexcept = default;
  EmbeddingWork& operator=(EmbeddingWork&&) noexcept = default;

  Demand demand() const;
  std::optional<EmbeddingEvent> next_event() { return std::exchange(event_, std::nullopt); }
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const { return {.prompt = rows_}; }

 private:
  friend class EmbeddingPipeline;
  EmbeddingWork(std::vector<TokenId> tokens, Seat seat);
  EmbeddingWork(std::unique_ptr<EncoderPass> picture, Seat seat);
  /// The step is over; an empty embedding isn't made of finite numbers.
  void take(EmbeddingEvent embedding);
  /// There is none.
  void fail(ErrorKind kind, std::string message);

  struct Text {
    std::vector<TokenId> tokens;
    IndivisibleRows whole;
  };
  Seat seat_;
  std::int64_t rows_;  // of the job
  std::variant<Text, std::unique_ptr<EncoderPass>> of_;
  std::optional<EmbeddingEvent> event_;
  std::optional<Ending> ending_;
};

}  // namespace sirocco
