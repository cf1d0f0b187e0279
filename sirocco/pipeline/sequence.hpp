#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/pipeline/prompt.hpp"
#include "sirocco/pipeline/sampler.hpp"

namespace sirocco {

// The states of a sequence that runs. Each holds what exists in it and nothing else.

/// Its prompt is being read.
struct Prefilling {
  std::int64_t done = 0;  ///< rows of the prompt that the cache holds
};

/// Its answer is being written; the last token is not in the cache yet.
struct Decoding {};

/// The payload of one text request that runs: its prompt and tokens, how these are chosen, and
/// where it stands.
class Sequence {
 public:
  /// `limit` is the number of tokens to generate at most; the prompt isn't empty.
  Sequence(Prompt prompt, std::shared_ptr<const Sampler> sampler, std::int64_t limit);
  /// Another answer to the same prompt, which was read; nothing was written yet.
  Sequence another() const;

  const Sampler& sampler() const { return *sampler_; }
  std::int64_t limit() const { return limit_; }

  /// Prompt and answer, as far as they are tokens.
  std::span<const TokenId> tokens() const { return tokens_; }
  std::span<const TokenId> generated() const { return tokens().subspan(prompt_tokens_); }
  std::int64_t prompt_rows() const { return prompt_rows_; }
  bool decoding() const { return std::holds_alternative<Decoding>(phase_); }

  /// Positions that the cache must hold in the worst case: all rows but that of the last generated
  /// token.
  static std::int64_t worst_case_positions(std::int64_t prompt_rows, std::int64_t limit) {
    return prompt_rows + std::max<std::int64_t>(limit, 1) - 1;
  }
  std::int64_t worst_case_positions() const { return worst_case_positions(prompt_rows_, limit_); }

  /// What the model hasn't read yet: the rest of the prompt, or the last token. Valid until the
  /// next transition.
  TextRows unread() const;

  // Transitions. Each is allowed from one state only.

  void read(std::int64_t rows);  ///< Prefilling: that much more of the prompt
  void append(TokenId token);    ///< prompt read, or Decoding: to Decoding

 private:
  std::int64_t prompt_rows_;
  std::vector<TokenId> tokens_;
  std::size_t prompt_tokens_;
  std::int32_t rotary_shift_;                               // of the answer
  std::shared_ptr<const Prompt::Arrangement> arrangement_;  // until the prompt was read
  std::shared_ptr<const Sampler> sampler_;
  std::int64_t limit_;
  std::variant<Prefilling, Decoding> phase_;
};

}  // namespace sirocco
