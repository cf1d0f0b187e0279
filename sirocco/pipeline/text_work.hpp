#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/pipeline.hpp"
#include "sirocco/pipeline/prompt.hpp"
#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/pipeline/sequence.hpp"
#include "sirocco/pipeline/sequence_cache.hpp"
#include "sirocco/pipeline/text_step.hpp"

namespace sirocco {

/// What a program asks of a text model: what follows a prompt.
struct TextJob {
  Prompt prompt;  ///< at least one row
  SamplingParams sampling;
  /// Tokens to generate at most. Without, the pipeline's default, as far as the context allows.
  std::optional<std::int64_t> max_tokens;
  /// The answer ends when one of these is chosen; it isn't passed on.
  std::vector<TokenId> end_tokens;
  bool log_probabilities = false;  ///< of the chosen tokens
  std::uint32_t choice = 0;        ///< numbers answers to one prompt
  /// Whose prefixes it finds and leaves behind in the cache; without, it does neither.
  std::optional<PrefixKey> prefixes = PrefixKey{};
};

/// What holds for a text job.
struct TextTerms {
  std::int64_t prompt_rows = 0;
  std::int64_t max_tokens = 0;  ///< given or default
};

/// A token of an answer.
struct TextEvent {
  TokenId token;
  std::uint32_t choice = 0;
  /// ln p of the token by the model's own distribution, before biases, temperature and cuts; where
  /// the job asked for it.
  std::optional<float> log_probability = std::nullopt;
};

/// A text job that a pipeline of certain limits can run. Move-only.
class CheckedTextJob {
 public:
  /// Throws InvalidArgument (an empty prompt, rows that the model can't take, sampling parameters,
  /// a limit below 1, a prompt that fills the context) and ResourceExhausted for what can never
  /// fit into the cache, each with the figures.
  CheckedTextJob(const PipelineLimits& limits, TextJob job);
  CheckedTextJob(CheckedTextJob&&) noexcept = default;
  CheckedTextJob& operator=(CheckedTextJob&&) noexcept = default;

  TextTerms terms() const;
  Usage usage() const;

 private:
  friend class LanguagePipeline;
  friend class TextWork;
  struct Limit {
    std::int64_t tokens;
    FinishReason reason;  // what reaching it means
  };
  static Limit checked_limit(const PipelineLimits& limits, const TextJob& job);

  Limit limit_;
  Sequence sequence_;
  std::vector<TokenId> end_tokens_;  // sorted
  bool log_probabilities_;
  std::uint32_t choice_;
  std::optional<PrefixKey> prefixes_;
};

/// An answer in the making: a sequence and the lease on its cache.
class TextWork {
 public:
  TextWork(TextWork&&) noexcept = default;
  TextWork& operator=(TextWork&&) noexcept = default;

  SequenceId id() const { return id_; }
  const Sequence& sequence() const { return sequence_; }

  /// The rest of the prompt, or the last token, which is urgent.
  Demand demand() const;
  std::optional<TextEvent> next_event();
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const;

 private:
  friend class LanguagePipeline;
  TextWork(SequenceId id, CheckedTextJob job, SequenceCache cache, Seat seat);

  /// Its part of a step of so many rows.
  TextItem item(std::int64_t rows);
  void list_indivisible();
  /// The step is over.
  void take(std::int64_t rows, const TextOutcome& outcome);

  SequenceId id_;
  Seat seat_;
  CheckedTextJob::Limit limit_;
  Sequence sequence_;
  std::vector<TokenId> end_tokens_;
  bool log_probabilities_;
  std::uint32_t choice_;
  SequenceCache cache_;
  std::int64_t cached_;                       // positions that the cache held at first
  std::vector<IndivisibleRows> indivisible_;  // of what is unread
  std::optional<TextEvent> event_;
  std::optional<Ending> ending_;
};

}  // namespace sirocco
