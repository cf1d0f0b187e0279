#include "sirocco/text/added_tokens.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kLongestAddedToken = 1024;

unsigned char byte_at(const AddedTokens::Token& token, std::size_t depth) {
  return static_cast<unsigned char>(token.text[depth]);
}

}  // namespace

AddedTokens::AddedTokens(std::vector<Token> tokens, std::string_view origin)
    : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const Token& token) { return token.text.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const Token& a, const Token& b) { return a.text < b.text; });
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(),
                            [](const Token& a, const Token& b) { return a.text == b.text; }),
                tokens_.end());
  for (const Token& token : tokens_) {
    if (token.text.size() > kLongestAddedToken) {
      throw FormatError("{}: token {} ({}) is to be matched whole, and has {} bytes of at most {}",
                        origin, token.id.value(), quoted(token.text), token.text.size(),
                        kLongestAddedToken);
    }
    begins_[byte_at(token, 0)] = true;
  }
}

std::optional<AddedTokens::Match> AddedTokens::longest_at(
    std::string_view text, std::size_t pos, std::size_t control_until) const noexcept {
  std::optional<Match> best;
  // [low, high): the tokens whose first `depth` bytes stand at `pos`.
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (std::size_t depth = 0; low != high; ++depth) {
    if (low->text.size() == depth) {
      if (!low->control || pos + depth <= control_until) {
        best = Match{low->id, depth, low->control};
      }
      if (++low == high) break;
    }
    if (pos + depth == text.size()) break;
    const auto wanted = static_cast<unsigned char>(text[pos + depth]);
    low = std::lower_bound(low, high, wanted, [&](const Token& token, unsigned char byte) {
      return byte_at(token, depth) < byte;
    });
    high = std::upper_bound(low, high, wanted, [&](unsigned char byte, const Token& token) {
      return byte < byte_at(token, depth);
    });
  }
  return best;
}

}  // namespace sirocco
