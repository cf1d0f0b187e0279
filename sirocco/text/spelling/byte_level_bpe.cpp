#include "sirocco/text/spelling/byte_level_bpe.hpp"

#include <algorithm>
#include <limits>

#include "sirocco/base/error.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

namespace sirocco {
namespace {

constexpr TokenId kNoToken(-1);

// Whether ordinary text may turn into this token, its text being a spelling of bytes. User-defined
// tokens are written as they are: where that differs from the spelling, they are only matched
// whole.
bool reachable(const Vocabulary& vocabulary, TokenId id) {
  switch (vocabulary.kind(id)) {
    case TokenKind::kNormal:
      return true;
    case TokenKind::kUserDefined:
      return bytes_of_spelling(vocabulary.text(id)) == vocabulary.text(id);
    case TokenKind::kUnknown:
    case TokenKind::kControl:
    case TokenKind::kUnused:
    case TokenKind::kByte:
      break;
  }
  return false;
}

}  // namespace

ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, std::span<const std::string_view> merges,
                           Pretokenizer pretokenizer, Options options, std::string_view origin)
    : merges_(merges.size()), pretokenizer_(std::move(pretokenizer)), options_(options) {
  if (merges.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw FormatError("{}: {} merges; ranks have 31 bits", origin, merges.size());
  }
  byte_tokens_.fill(kNoToken);
  bool spells = false;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string spelling;
    append_byte_spelling(spelling, static_cast<unsigned char>(byte));
    const auto id = vocabulary.find(spelling);
    if (!id || !reachable(vocabulary, *id)) continue;
    byte_tokens_[byte] = *id;
    spells = true;
  }
  if (!spells) {
    throw FormatError("{}: no token spells a single byte, so no text can be tokenized", origin);
  }

  std::string joined;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size()) {
      throw FormatError("{}: merge {} is {}, expected two tokens with a space between", origin,
                        rank, quoted(merge));
    }
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    joined.assign(left).append(right);
    const auto left_id = vocabulary.find(left);
    const auto right_id = vocabulary.find(right);
    const auto merged_id = vocabulary.find(joined);
    if (!left_id || !right_id || !merged_id) {
      const std::string_view missing = !left_id ? left : !right_id ? right : joined;
      throw FormatError("{}: merge {} ({}) needs the token {}, which the vocabulary doesn't hold",
                        origin, rank, quoted(merge), quoted(missing));
    }
    if (reachable(vocabulary, *merged_id)) merges_.add(*left_id, *right_id, *merged_id);
  }
}

void ByteLevelBpe::encode(const Vocabulary& vocabulary, const TextSpan& span,
                          EncodeContext& context) const {
  pretokenizer_.split(span.text, context.run, [&](std::string_view word) {
    ++context.stats.words;
    if (context.cache.append(word, context.out)) {
      ++context.stats.cached_words;
      return;
    }
    const std::size_t begin = context.out.size();
    encode_word(vocabulary, word, context);
    context.cache.remember(word, context.out, begin);
  });
}

void ByteLevelBpe::encode_word(const Vocabulary& vocabulary, std::string_view word,
                               EncodeContext& context) const {
  if (options_.ignore_merges && word.size() <= vocabulary.max_text_bytes()) {
    context.spelling.clear();
    for (const char c : word) append_byte_spelling(context.spelling, static_cast<unsigned char>(c));
    const auto whole = vocabulary.find(context.spelling);
    if (whole && reachable(vocabulary, *whole)) {
      context.out.push_back(*whole);
      return;
    }
  }
  context.word.clear();
  for (const char c : word) {
    const TokenId id = byte_tokens_[static_cast<unsigned char>(c)];
    if (id != kNoToken) {
      context.word.push_back(id);
    } else if (options_.unknown) {
      context.word.push_back(*options_.unknown);
    }
  }
  merges_.apply(context.word, context.stats);
  context.out.insert(context.out.end(), context.word.begin(), context.word.end());
}

void ByteLevelBpe::append_bytes(const Vocabulary& vocabulary, TokenId id, std::string& out) const {
  const std::string_view text = vocabulary.text(id);
  const TokenKind kind = vocabulary.kind(id);
  if (kind == TokenKind::kByte) {
    if (const auto byte = byte_of_hex_spelling(text)) {
      out.push_back(static_cast<char>(*byte));
      return;
    }
  }
  if (kind == TokenKind::kNormal) {
    if (const auto bytes = bytes_of_spelling(text)) {
      out.append(*bytes);
      return;
    }
  }
  out.append(text);
}

}  // namespace sirocco
