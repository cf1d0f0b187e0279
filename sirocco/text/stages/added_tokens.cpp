#include "sirocco/text/stages/added_tokens.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/char_class.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxAddedTokenBytes = 1024;

unsigned char byte_at(const AddedTokens::Token& token, std::size_t depth) {
  return static_cast<unsigned char>(token.text[depth]);
}

// Where the character that ends before `pos` begins.
std::size_t before(std::string_view text, std::size_t pos) {
  std::size_t begin = pos;
  do {
    --begin;
  } while (begin > 0 && pos - begin < 4 &&
           (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80);
  const Utf8Unit unit = decode_utf8(text, begin);
  return unit.valid && begin + unit.size == pos ? begin : pos - 1;
}

bool word_before(std::string_view text, std::size_t pos) {
  return pos > 0 && is_word_character(decode_utf8(text, before(text, pos)).value);
}

bool word_behind(std::string_view text, std::size_t pos) {
  return pos < text.size() && is_word_character(decode_utf8(text, pos).value);
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
    if (token.text.size() > kMaxAddedTokenBytes) {
      throw FormatError("{}: token {} ({}) is to be matched whole, and has {} bytes of at most {}",
                        origin, token.id.value(), quoted(token.text), token.text.size(),
                        kMaxAddedTokenBytes);
    }
    begins_[byte_at(token, 0)] = true;
    has_control_ = has_control_ || token.control;
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
        best = Match{&*low, pos, pos + depth};
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

void AddedTokens::find_all(std::string_view text, std::span<const TrustedRun> trusted,
                           FunctionRef<void(const Match&)> emit) const {
  std::size_t done = 0;
  for (std::size_t pos = candidate_from(text, 0); pos < text.size();
       pos = candidate_from(text, pos)) {
    while (!trusted.empty() && trusted.front().end <= pos) trusted = trusted.subspan(1);
    const bool here = !trusted.empty() && trusted.front().begin <= pos;
    auto match = longest_at(text, pos, here ? trusted.front().end : 0);
    if (!match) {
      ++pos;
      continue;
    }
    pos = match->end;
    const Token& token = *match->token;
    if (token.single_word && (word_before(text, match->begin) || word_behind(text, match->end))) {
      continue;
    }
    if (token.lstrip) {
      while (match->begin > done) {
        const std::size_t blank = before(text, match->begin);
        if (!is_white_space(decode_utf8(text, blank).value)) break;
        match->begin = blank;
      }
      match->begin = std::max(match->begin, done);
    }
    if (token.rstrip) {
      while (match->end < text.size()) {
        const Utf8Unit unit = decode_utf8(text, match->end);
        if (!is_white_space(unit.value)) break;
        match->end += unit.size;
      }
    }
    if (match->begin >= match->end) continue;
    done = match->end;
    emit(*match);
  }
}

}  // namespace sirocco
