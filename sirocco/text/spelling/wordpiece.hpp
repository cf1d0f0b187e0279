#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/piece_trie.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A WordPieceModel is BERT's WordPiece: the longest piece that begins a word, then the longest
/// that continues it, and so on; a word that doesn't come out even is one unknown token. Immutable,
/// safe to share between threads.
class WordPieceModel {
 public:
  struct Options {
    std::string first_prefix;               ///< how the vocabulary marks pieces that begin a word
    std::string continuing_prefix;          ///< and those that continue one
    std::size_t max_word_characters = 100;  ///< characters; a longer word is unknown
    std::optional<TokenId> unknown;         ///< without one, such words are left out
  };

  /// Control and user-defined tokens are no pieces. Throws FormatError for a piece of over
  /// PieceTrie::kMaxPieceBytes bytes.
  WordPieceModel(const Vocabulary& vocabulary, Options options, std::string_view origin);

  /// Appends the tokens of one word (well-formed UTF-8).
  void encode_word(const Vocabulary& vocabulary, std::string_view word,
                   EncodeContext& context) const;

 private:
  PieceTrie trie_;
  PieceTrie::Node first_;
  PieceTrie::Node continuing_;
  std::size_t max_word_characters_;
  std::optional<TokenId> unknown_;
};

}  // namespace sirocco
