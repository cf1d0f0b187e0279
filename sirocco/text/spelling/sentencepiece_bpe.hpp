#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/byte_tokens.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A SentencePieceBpe is SentencePiece's byte-pair encoding (the `llama` model of GGUF: Llama 2,
/// Mistral, Phi-3, Gemma). Spaces are written as U+2581; the characters of the text are joined
/// while the joined text is a piece, the highest score first and the leftmost of equals; what stays
/// unknown is spelled by byte tokens.
class SentencePieceBpe {
 public:
  struct Options {
    bool add_space_prefix = true;           ///< ahead of every stretch of text
    bool remove_extra_whitespaces = false;  ///< strip spaces at both ends, one between words
    std::optional<TokenId> unknown;
  };

  /// Throws FormatError for a vocabulary that has neither all byte tokens nor an unknown token.
  SentencePieceBpe(const Vocabulary& vocabulary, Options options, std::string_view origin);

  /// Appends the tokens of a stretch of text to `context.out`: what stands between two tokens that
  /// were cut out of the text, or at one of its ends.
  void encode(const Vocabulary& vocabulary, const TextSpan& span, EncodeContext& context) const;

  /// Appends the bytes that a token stands for.
  void append_bytes(const Vocabulary& vocabulary, TokenId id, std::string& out) const;

 private:
  // `first`: the size of `context.out` before the stretch.
  struct Word {
    std::string_view text;
    std::size_t first;
  };

  std::string normalize(std::string_view text) const;
  void encode_word(const Vocabulary& vocabulary, Word word, EncodeContext& context) const;
  void merge_word(const Vocabulary& vocabulary, Word word, EncodeContext& context) const;
  void emit_unknown(std::string_view text, std::size_t first, EncodeContext& context) const;

  Options options_;
  ByteTokens byte_tokens_;
  bool words_are_independent_ = false;  // no piece continues beyond the start of a word
};

}  // namespace sirocco
