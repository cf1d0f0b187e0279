#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/engine/channel.hpp"
#include "sirocco/pipeline/work.hpp"
#include "sirocco/server/api_error.hpp"

namespace sirocco {

/// A token and its probability.
struct TokenChance {
  TokenId id;
  std::string bytes;  ///< that it stands for; need not be whole characters
  /// ln p by the model's own distribution; without, as of a prompt's first token, unknown.
  std::optional<float> log_probability;
};

/// A token of an answer, with the likeliest ones at its place, likeliest first.
struct AnswerToken {
  TokenChance chosen;
  std::vector<TokenChance> alternatives;
};

/// A piece of an answer: its text, which is UTF-8, and the tokens that came with it. Tokens go
/// out with the piece that they came with, whether or not it has text yet: of a character in
/// several tokens, the text comes with the last. They are read only where log-probabilities are
/// wanted.
struct AnswerPiece {
  std::string text;
  std::vector<AnswerToken> tokens;
};

/// How an answer that can be told ended.
enum class Finish : std::uint8_t {
  kStop,    ///< by itself, or before a stop string
  kLength,  ///< cut: by the limit on tokens, a full context or the request's timeout
};

/// How the work's ending is told: an answer's, or what went wrong.
std::variant<Finish, ApiError> told(const Ending& ending);

/// One whole answer.
struct Choice {
  AnswerPiece whole;
  Finish finish = Finish::kStop;
};

/// What all chunks of an answer have in common.
struct AnswerHead {
  std::string id;            ///< "chatcmpl-…", "msg_…", unique
  std::int64_t created = 0;  ///< seconds since 1970, UTC
  std::string model;
  std::string fingerprint;  ///< of what the answers depend on: program, model, instruction set
};

/// What is told at the end.
struct AnswerTotals {
  Usage usage;  ///< of all answers together, each prompt once
  RequestTimings timings;
  /// What a person should know: where something was done otherwise than one may expect.
  std::vector<std::string> warnings;
  /// Of each answer the stop string, of those that were asked for, that it ended before; or "".
  std::vector<std::string> stop_strings = {};
};

/// The warning for an answer that was cut where nobody asked for a limit; empty for others.
/// `limit` is the one that was in force, `member` what asks for another.
std::string limit_warning(Finish finish, std::optional<std::int64_t> asked, std::int64_t limit,
                          std::string_view member = "max_tokens");

}  // namespace sirocco
