#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/sampler.hpp"

namespace sirocco {

/// Seconds of a steady clock, from wherever it began.
using Seconds = double;

enum class FinishReason : std::uint8_t {
  kStop,         ///< the model ended its answer, or a stop string or stop token came
  kLength,       ///< the limit on tokens was reached
  kContextFull,  ///< the context has no room for more
  kCancelled,    ///< whoever asked no longer wants it
  kFailed,       ///< a step of the pipeline failed, or gave this sequence nothing to go on with
};
/// "stop", "length", "context_full", "cancelled", "failed".
std::string_view finish_reason_name(FinishReason reason);

/// What a request cost. Times are on the engine's clock.
struct SequenceTimings {
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  Seconds queued_s = 0;      ///< from submission to admission
  Seconds prompt_s = 0;      ///< from admission to the first token
  Seconds generation_s = 0;  ///< from the first token to the last
};

// The states. Each holds what exists in it and nothing else.

/// Waits for room.
struct Queued {
  Seconds since = 0;
};

/// Its prompt is being read.
struct Prefilling {
  Seconds since = 0;      ///< when it was admitted
  std::int64_t done = 0;  ///< tokens of the prompt that the cache holds
  Seconds queued_s = 0;
};

/// Its answer is being written; the last token is not in the cache yet.
struct Decoding {
  Seconds since = 0;  ///< when its first token came
  Seconds last = 0;   ///< when its last token came
  Seconds queued_s = 0;
  Seconds prompt_s = 0;
};

struct Active {
  std::variant<Prefilling, Decoding> phase;
};

struct Finished {
  FinishReason reason;
  std::string message;  ///< kFailed: what went wrong
  SequenceTimings timings;
};

using SequenceState = std::variant<Queued, Active, Finished>;

/// One request on its way: its tokens, how they are chosen, and where it stands.
class Sequence {
 public:
  /// `limit` is the number of tokens to generate at most, at least 1; the prompt isn't empty.
  Sequence(SequenceId id, std::vector<TokenId> prompt, Sampler sampler, std::int64_t limit,
           Seconds now);

  SequenceId id() const { return id_; }
  const Sampler& sampler() const { return sampler_; }
  const SequenceState& state() const { return state_; }
  bool finished() const { return std::holds_alternative<Finished>(state_); }

  /// Prompt and answer.
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const TokenId> prompt() const { return tokens().first(prompt_size_); }
  std::span<const TokenId> generated() const { return tokens().subspan(prompt_size_); }
  std::int64_t limit() const { return limit_; }
  /// Positions that the cache must hold in the worst case: all tokens but the last one.
  std::int64_t worst_case_positions() const;

  /// The tokens that the model hasn't read yet: the rest of the prompt, or the last token.
  /// Active only.
  std::span<const TokenId> unread() const;

  // Transitions. Each is allowed from one state only.

  void admit(Seconds now);                  ///< Queued to Prefilling
  void read(std::int64_t tokens);           ///< Prefilling: that much more of the prompt
  void append(TokenId token, Seconds now);  ///< prompt read, or Decoding: to Decoding
  void finish(FinishReason reason, Seconds now, std::string message = {});  ///< to Finished

 private:
  SequenceId id_;
  std::vector<TokenId> tokens_;
  std::size_t prompt_size_;
  Sampler sampler_;
  std::int64_t limit_;
  SequenceState state_;
};

}  // namespace sirocco
