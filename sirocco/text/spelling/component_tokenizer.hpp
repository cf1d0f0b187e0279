#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/bpe_model.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/unigram.hpp"
#include "sirocco/text/spelling/wordpiece.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/stages/decoder_chain.hpp"
#include "sirocco/text/stages/text_normalizer.hpp"
#include "sirocco/text/stages/word_splitter.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A WordModel spells a single word.
using WordModel = std::variant<BpeModel, UnigramModel, WordPieceModel>;

/// A ComponentTokenizer is the parts of a tokenizer.json in their order: text is normalized, added
/// tokens are cut out of what came of it, the rest is split into words, and a model spells each;
/// decoders lead back.
///
/// Bytes that are no UTF-8 are spelled by themselves, bit for bit, where the vocabulary can (byte
/// level, or byte tokens); elsewhere each maximal part of them is the character U+FFFD.
class ComponentTokenizer {
 public:
  struct Parts {
    TextNormalizer normalizer;
    AddedTokens normalized_tokens;  ///< looked for in normalized text, spelled as normalized
    WordSplitter splitter;
    WordModel model;
    DecoderChain decoder;
    /// What decoders take a token for where that isn't its text in the vocabulary.
    std::map<TokenId, std::string> decoded_texts;
  };

  explicit ComponentTokenizer(Parts parts);

  /// Appends the tokens of one segment.
  void encode(const Vocabulary& vocabulary, const TextSpan& span, EncodeContext& context) const;

  /// Appends the bytes that a token stands for in the middle of a text.
  void append_bytes(const Vocabulary& vocabulary, TokenId id, std::string& out) const;

  /// What the decoder takes a token for.
  std::string_view token_text(const Vocabulary& vocabulary, TokenId id) const noexcept;

  const DecoderChain& decoder() const noexcept { return parts_.decoder; }

 private:
  bool encode_bytes(const Vocabulary& vocabulary, std::string_view bytes,
                    EncodeContext& context) const;
  void encode_text(const Vocabulary& vocabulary, TextDraft draft, EncodeContext& context) const;
  void encode_words(const Vocabulary& vocabulary, std::string_view text, WordSplitter::Place place,
                    EncodeContext& context) const;
  void encode_word(const Vocabulary& vocabulary, std::string_view word,
                   EncodeContext& context) const;

  Parts parts_;
  bool spells_bytes_;
  bool has_byte_tokens_;
};

}  // namespace sirocco
