#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/sampler.hpp"

namespace sirocco {

// The states of a sequence that runs. Each holds what exists in it and nothing else.

/// Its prompt is being read.
struct Prefilling {
  std::int64_t done = 0;  ///< tokens of the prompt that the cache holds
};

/// Its answer is being written; the last token is not in the cache yet.
struct Decoding {};

/// The payload of one text request that runs: its tokens, how they are chosen, and where it stands.
class Sequence {
 public:
  /// `limit` is the number of tokens to generate at most, at least 1; the prompt isn't empty.
  Sequence(std::vector<TokenId> prompt, Sampler sampler, std::int64_t limit);

  const Sampler& sampler() const { return sampler_; }
  std::int64_t limit() const { return limit_; }

  /// Prompt and answer.
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const TokenId> prompt() const { return tokens().first(prompt_size_); }
  std::span<const TokenId> generated() const { return tokens().subspan(prompt_size_); }
  bool decoding() const { return std::holds_alternative<Decoding>(phase_); }

  /// Positions that the cache must hold in the worst case: all tokens but the last one.
  std::int64_t worst_case_positions() const;

  /// The tokens that the model hasn't read yet: the rest of the prompt, or the last token.
  std::span<const TokenId> unread() const;

  // Transitions. Each is allowed from one state only.

  void read(std::int64_t tokens);  ///< Prefilling: that much more of the prompt
  void append(TokenId token);      ///< prompt read, or Decoding: to Decoding

 private:
  std::vector<TokenId> tokens_;
  std::size_t prompt_size_;
  Sampler sampler_;
  std::int64_t limit_;
  std::variant<Prefilling, Decoding> phase_;
};

}  // namespace sirocco
