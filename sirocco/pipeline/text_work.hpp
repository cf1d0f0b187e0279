#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
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
  /// Wanted with each token of the prompt but the first: its log-probability, and those of so many
  /// of the likeliest at its place. The prompt is then tokens only, found prefixes aren't used, and
  /// `max_tokens` may be 0: nothing is generated.
  std::optional<std::int32_t> prompt_alternatives;
  /// The answer ends when one of these is chosen; it isn't passed on.
  std::vector<TokenId> end_tokens;
  /// Wanted with each token's log-probability: those of so many of the likeliest.
  std::optional<std::int32_t> alternatives;
  std::int32_t choices = 1;  ///< answers to the prompt, made beside one another
  /// Whose prefixes it finds and leaves behind in the cache; without, it does neither.
  std::optional<PrefixKey> prefixes = PrefixKey{};
};

/// What holds for a text job.
struct TextTerms {
  std::int64_t prompt_rows = 0;
  std::int64_t max_tokens = 0;  ///< given or default
};

/// What was wanted of a prompt's tokens, from the second on.
struct PromptScores {
  std::vector<ChosenToken> tokens;
};

/// What came of one of a job's choices: its next token, or its end. One that is cancelled, or whose
/// whole work ends otherwise, has no event for it. What was wanted of the prompt comes before all,
/// once, as the first choice's.
struct TextEvent {
  std::uint32_t choice = 0;
  std::variant<ChosenToken, FinishReason, PromptScores> what;

  /// The token; null for anything else.
  const ChosenToken* token() const { return std::get_if<ChosenToken>(&what); }
};

/// A text job that a pipeline of certain limits can run. Move-only.
class CheckedTextJob {
 public:
  /// Throws InvalidArgument (an empty prompt, rows that the model can't take, sampling parameters,
  /// a limit below 1, a prompt that fills the context, numbers of choices and alternatives) and
  /// ResourceExhausted for what can never fit into the cache, each with the figures.
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
  std::optional<std::int32_t> alternatives_;
  std::optional<std::int32_t> prompt_alternatives_;
  std::int64_t max_step_;
  std::int64_t max_scored_rows_;  // of a step
  std::int32_t choices_;
  std::optional<PrefixKey> prefixes_;
};

/// Tells a pipeline that a sequence is over, when it goes. Move-only; one thread at a time.
class EndNote {
 public:
  EndNote(std::shared_ptr<std::vector<SequenceId>> ended, SequenceId id)
      : ended_(std::move(ended)), id_(id) {}
  EndNote(EndNote&&) noexcept = default;
  EndNote& operator=(EndNote&& other) noexcept {
    std::swap(ended_, other.ended_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~EndNote() {
    if (ended_ != nullptr) ended_->push_back(id_);
  }

 private:
  std::shared_ptr<std::vector<SequenceId>> ended_;
  SequenceId id_;
};

/// Answers to a prompt in the making: sequences with the leases on their caches. While the prompt
/// is read there is one, whose parts may be in several steps at once; then it is forked for each
/// choice that is wanted.
class TextWork {
 public:
  static constexpr bool kOverlapsSteps = true;

  TextWork(TextWork&&) noexcept = default;
  TextWork& operator=(TextWork&&) noexcept = default;

  SequenceId id() const { return id_; }

  /// What of the rest of the prompt can go into a step besides those that are under way, or the
  /// last token of each choice, which is urgent. No rows while there is nothing of either.
  Demand demand() const;
  std::optional<TextEvent> next_event();
  const std::optional<Ending>& ending() const { return ending_; }
  Usage usage() const;
  void cancel_choices(std::uint64_t choices);

 private:
  friend class LanguagePipeline;
  /// Where a choice will be.
  struct Place {
    ForkReservation cache;
    Seat seat;
  };
  struct Choice {
    std::uint32_t number;
    Sequence sequence;
    SequenceCache cache;
    Seat seat;
  };
  TextWork(SequenceId id, CheckedTextJob job, SequenceCache cache, Seat seat,
           std::vector<Place> others, EndNote end);

  bool reads_prompt() const { return !choices_.front().sequence.decoding(); }
  bool wanted(std::uint32_t choice) const { return (cancelled_ >> choice & 1) == 0; }

  /// Appends its parts of a step of so many rows, which is then under way.
  void list_items(std::int64_t rows, std::vector<TextItem>& items);
  void list_indivisible();
  /// The step that began first is over. `scores` are those of each item.
  void take(std::span<TextOutcome> outcomes, std::span<ChosenTokens> scores);
  /// The same of a step that failed: nothing counts that comes of later ones, which go on from it.
  void drop();
  /// What is to be told of a part of the prompt.
  WantScores wanted_scores(std::int64_t rows) const;
  void fail(StepFault fault);
  /// The prompt was read, and nothing more is wanted.
  void end_all();
  /// The prompt was read, and this is what each choice begins with.
  void begin_choices(std::span<ChosenToken> tokens);
  void append(Choice& choice, ChosenToken& token);
  void end(Choice& choice, FinishReason reason);
  void drop_ended();

  SequenceId id_;
  EndNote end_;
  CheckedTextJob::Limit limit_;
  std::vector<TokenId> end_tokens_;
  std::optional<std::int32_t> alternatives_;
  std::optional<std::int32_t> prompt_alternatives_;
  std::int64_t max_step_;
  std::int64_t max_scored_rows_;
  int steps_ = 0;        // that are under way
  PromptScores scores_;  // so far
  std::int64_t prompt_rows_;
  std::int64_t cached_;          // positions that the cache held at first
  std::vector<Choice> choices_;  // those that go on
  std::vector<Place> others_;    // of the choices behind the first, until they begin
  std::uint64_t cancelled_ = 0;  // a bit for each choice
  std::uint64_t ended_ = 0;      // the same, of those still among choices_
  std::int64_t generated_ = 0;   // by choices that are gone
  FinishReason last_reason_ = FinishReason::kCancelled;  // of the choice that ended last
  std::vector<IndivisibleRows> indivisible_;             // of what is unread
  std::vector<TextEvent> events_;                        // the next one at next_
  std::size_t next_ = 0;
  std::optional<Ending> ending_;
};

}  // namespace sirocco
