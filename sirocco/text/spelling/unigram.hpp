#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/byte_tokens.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/piece_trie.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A UnigramModel is a unigram language model over pieces (Kudo 2018): a word becomes the pieces
/// whose scores, which are logarithms of probabilities, have the largest sum. Viterbi over bytes,
/// in as many steps as the pieces found have bytes together. Immutable, safe to share between
/// threads.
class UnigramModel {
 public:
  /// A Precision is that of the numbers in which sums of scores are kept; they decide between
  /// segmentations that tie but for rounding.
  enum class Precision : std::uint8_t {
    kDouble,  ///< Hugging Face's
    kSingle,  ///< SentencePiece's own
  };
  struct Options {
    std::optional<TokenId> unknown;  ///< for a character that no piece spells
    bool byte_fallback = false;      ///< byte tokens before the unknown one
    Precision precision = Precision::kDouble;
  };

  /// `scores`: one an entry of the vocabulary, not a number where the entry is no piece. Control
  /// tokens and padding are no pieces: text can't make them. Throws FormatError for a piece of over
  /// PieceTrie::kMaxPieceBytes bytes, and for an infinite score.
  UnigramModel(const Vocabulary& vocabulary, std::vector<double> scores, Options options,
               std::string_view origin);

  /// Appends the tokens of one word (well-formed UTF-8). A run of unknown characters is one unknown
  /// token; without an unknown token they are left out.
  void encode_word(const Vocabulary& vocabulary, std::string_view word,
                   EncodeContext& context) const;

  const ByteTokens& byte_tokens() const noexcept { return byte_tokens_; }

 private:
  template <class Score>
  void encode_as(std::string_view word, EncodeContext& context) const;
  void emit_unknown(std::string_view text, EncodeContext& context) const;

  std::vector<double> scores_;
  PieceTrie trie_;
  ByteTokens byte_tokens_;
  std::optional<TokenId> unknown_;
  double unknown_score_ = 0;
  Precision precision_;
};

}  // namespace sirocco
