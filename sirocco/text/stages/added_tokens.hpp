#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/base/ids.hpp"

namespace sirocco {

/// A TrustedRun is where trusted text begins and ends, in bytes of the whole.
struct TrustedRun {
  std::size_t begin;
  std::size_t end;
};

/// AddedTokens are the tokens that are looked for in the text itself before any algorithm sees it:
/// control tokens and user-defined ones. Finds the leftmost, and there the longest. Immutable, safe
/// to share.
class AddedTokens {
 public:
  struct Token {
    std::string text;
    TokenId id;
    bool control;
    // As in a tokenizer.json.
    bool single_word = false;  ///< not within a word
    bool lstrip = false;       ///< takes the blanks before
    bool rstrip = false;       ///< takes the blanks behind
  };
  struct Match {
    const Token* token;
    std::size_t begin;  ///< in bytes of the text
    std::size_t end;
  };

  AddedTokens() = default;
  /// A text that occurs twice keeps the first. Throws FormatError for one of more than 1,024 bytes:
  /// the length bounds the work a byte of text.
  AddedTokens(std::vector<Token> tokens, std::string_view origin);

  bool empty() const noexcept { return tokens_.empty(); }
  bool has_control() const noexcept { return has_control_; }

  /// The longest token at `text[pos]`; control tokens only as far as they end by `control_until`.
  /// No flag is looked at.
  std::optional<Match> longest_at(std::string_view text, std::size_t pos,
                                  std::size_t control_until) const noexcept;

  /// Calls `emit` for every token in `text`, from left to right: control tokens only within a
  /// trusted run (in order, not touching). A match may begin within the blanks that the one before
  /// took; what follows it then begins at its own end, as in the reference. One that takes blanks
  /// itself has only what is left of them; nothing left, nothing emitted.
  void find_all(std::string_view text, std::span<const TrustedRun> trusted,
                FunctionRef<void(const Match&)> emit) const;

 private:
  std::size_t candidate_from(std::string_view text, std::size_t pos) const noexcept {
    while (pos < text.size() && !begins_[static_cast<unsigned char>(text[pos])]) ++pos;
    return pos;
  }

  std::vector<Token> tokens_;  // sorted by text
  std::array<bool, 256> begins_{};
  bool has_control_ = false;
};

}  // namespace sirocco
