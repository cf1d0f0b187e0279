#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"

namespace sirocco {

/// The tokens that are looked for in the text itself before any algorithm sees it: control tokens
/// and user-defined ones. Finds the leftmost, and there the longest. Immutable, safe to share.
class AddedTokens {
 public:
  struct Token {
    std::string text;
    TokenId id;
    bool control;
  };
  struct Match {
    TokenId id;
    std::size_t size;  ///< bytes of the text
    bool control;
  };

  /// A text that occurs twice keeps the first. Throws FormatError for one of more than 1,024 bytes:
  /// the length bounds the work a byte of text.
  AddedTokens(std::vector<Token> tokens, std::string_view origin);

  bool empty() const noexcept { return tokens_.empty(); }

  /// The longest token at `text[pos]`; control tokens only as far as they end by `control_until`.
  std::optional<Match> longest_at(std::string_view text, std::size_t pos,
                                  std::size_t control_until) const noexcept;

  /// The first place from `pos` on where a token could begin, or text.size().
  std::size_t candidate_from(std::string_view text, std::size_t pos) const noexcept {
    while (pos < text.size() && !begins_[static_cast<unsigned char>(text[pos])]) ++pos;
    return pos;
  }

 private:
  std::vector<Token> tokens_;  // sorted by text
  std::array<bool, 256> begins_{};
};

}  // namespace sirocco
