#include "sirocco/text/spelling/bpe_model.hpp"

#include <limits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

// A token of the model's own vocabulary: not one that was added to it.
std::optional<TokenId> own_token(const Vocabulary& vocabulary, std::string_view text) {
  const auto id = vocabulary.find(text);
  if (id && vocabulary.kind(*id) == TokenKind::kUserDefined) return std::nullopt;
  return id;
}

// Control tokens are for templates, not for text.
std::optional<TokenId> token_of(const Vocabulary& vocabulary, std::string_view text) {
  const auto id = own_token(vocabulary, text);
  if (id && vocabulary.kind(*id) == TokenKind::kControl) return std::nullopt;
  return id;
}

}  // namespace

BpeModel::BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges, Options options,
                   std::string_view origin)
    : merges_(merges.size()), options_(std::move(options)) {
  if (merges.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw FormatError("{}: {} merges; ranks have 31 bits", origin, merges.size());
  }
  if (options_.byte_fallback) byte_tokens_ = ByteTokens(vocabulary);
  plain_ = options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
  for (std::size_t c = 0; c < direct_.size(); ++c) {
    std::string text;
    append_utf8(text, static_cast<char32_t>(c));
    const auto id = token_of(vocabulary, text);
    direct_[c] = id ? id->value() : -1;
  }

  const std::size_t prefix = options_.continuing_subword_prefix.size();
  std::string joined;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto left_id = own_token(vocabulary, left);
    const auto right_id = own_token(vocabulary, right);
    std::optional<TokenId> merged_id;
    if (right.starts_with(options_.continuing_subword_prefix)) {
      joined.assign(left).append(right.substr(prefix));
      merged_id = own_token(vocabulary, joined);
    } else {
      joined.assign(right);
    }
    if (!left_id || !right_id || !merged_id) {
      const std::string_view missing = !left_id ? left : !right_id ? right : joined;
      throw FormatError(
          "{}: merge {} ({} and {}) needs the token {}, which the vocabulary doesn't hold in this "
          "role",
          origin, rank, quoted(left), quoted(right), quoted(missing));
    }
    const bool reachable = vocabulary.kind(*merged_id) != TokenKind::kControl;
    merges_.set(*left_id, *right_id, reachable ? merged_id : std::nullopt);
  }
}

void BpeModel::encode_word(const Vocabulary& vocabulary, std::string_view word,
                           EncodeContext& context) const {
  if (options_.ignore_merges && word.size() <= vocabulary.max_text_bytes()) {
    if (const auto whole = token_of(vocabulary, word)) {
      context.out.push_back(*whole);
      return;
    }
  }
  std::vector<TokenId>& tokens = context.word;
  tokens.clear();
  bool unknown_due = false;
  for (std::size_t pos = 0; pos < word.size();) {
    const Utf8Unit unit = decode_utf8(word, pos);
    std::string_view character = word.substr(pos, unit.size);
    std::optional<TokenId> id;
    if (plain_ && unit.value < kDirect) {
      if (direct_[unit.value] >= 0) id = TokenId(direct_[unit.value]);
    } else if (plain_) {
      id = token_of(vocabulary, character);
    } else {
      context.spelling.assign(pos == 0 ? "" : options_.continuing_subword_prefix);
      context.spelling.append(character);
      if (pos + unit.size == word.size()) context.spelling.append(options_.end_of_word_suffix);
      character = context.spelling;
      id = token_of(vocabulary, character);
    }
    pos += unit.size;
    if (id) {
      if (std::exchange(unknown_due, false)) tokens.push_back(*options_.unknown);
      tokens.push_back(*id);
    } else if (options_.byte_fallback && byte_tokens_.append(character, tokens)) {
      continue;
    } else if (options_.unknown) {
      if (unknown_due && !options_.fuse_unknown) tokens.push_back(*options_.unknown);
      unknown_due = true;
    }
  }
  if (unknown_due) tokens.push_back(*options_.unknown);
  merges_.apply(tokens, context.stats);
  context.out.insert(context.out.end(), tokens.begin(), tokens.end());
}

}  // namespace sirocco
