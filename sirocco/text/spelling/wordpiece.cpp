#include "sirocco/text/spelling/wordpiece.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sirocco {
namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

PieceTrie trie_of(const Vocabulary& vocabulary, std::string_view origin) {
  std::vector<PieceTrie::Piece> pieces;
  pieces.reserve(vocabulary.size());
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const TokenKind kind = vocabulary.kind(id);
    if (kind == TokenKind::kControl || kind == TokenKind::kUnused) continue;
    if (kind == TokenKind::kUserDefined) continue;
    if (!vocabulary.text(id).empty()) pieces.push_back({vocabulary.text(id), id});
  }
  return {std::move(pieces), origin};
}

}  // namespace

WordPieceModel::WordPieceModel(const Vocabulary& vocabulary, Options options,
                               std::string_view origin)
    : trie_(trie_of(vocabulary, origin)),
      first_(trie_.walk(PieceTrie::kRoot, options.first_prefix)),
      continuing_(trie_.walk(PieceTrie::kRoot, options.continuing_prefix)),
      max_word_characters_(options.max_word_characters),
      unknown_(options.unknown) {}

void WordPieceModel::encode_word(const Vocabulary& /*vocabulary*/, std::string_view word,
                                 EncodeContext& context) const {
  const std::size_t begin = context.out.size();
  const auto unknown = [&] {
    context.out.resize(begin, TokenId(0));
    if (unknown_) context.out.push_back(*unknown_);
  };
  if (word.size() > max_word_characters_ && characters(word) > max_word_characters_) {
    unknown();
    return;
  }
  PieceTrie::Node start = first_;
  for (std::size_t done = 0; done < word.size(); start = continuing_) {
    std::size_t best_end = done;
    std::int32_t best = -1;
    PieceTrie::Node node = start;
    for (std::size_t end = done; node != PieceTrie::kNowhere && end < word.size();) {
      node = trie_.step(node, static_cast<unsigned char>(word[end]));
      ++end;
      ++context.stats.merge_steps;
      if (node == PieceTrie::kNowhere || trie_.id_at(node) < 0) continue;
      best = trie_.id_at(node);
      best_end = end;
    }
    if (best < 0) {
      unknown();
      return;
    }
    context.out.emplace_back(best);
    done = best_end;
  }
}

}  // namespace sirocco
