#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/merges.hpp"
#include "sirocco/text/stages/pretokenizer.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A ByteLevelBpe is byte-pair encoding over bytes (GPT-2 and after): a pre-tokenizer cuts the text
/// into words, the bytes of a word are tokens, and merges join them.
class ByteLevelBpe {
 public:
  struct Options {
    bool ignore_merges = false;  ///< a word that is a token is that token
    std::optional<TokenId>
        unknown;  ///< for a byte without a token; without it, the byte is left out
  };

  /// `merges` are pairs of texts with a space between, in order of rank. Throws FormatError for one
  /// without the space or whose parts or result the vocabulary lacks, and for a vocabulary that
  /// spells no byte at all. A merge that would yield a control token is left out: text can't make
  /// one.
  ByteLevelBpe(const Vocabulary& vocabulary, std::span<const std::string_view> merges,
               Pretokenizer pretokenizer, Options options, std::string_view origin);

  /// Appends the tokens of a stretch of text to `context.out`.
  void encode(const Vocabulary& vocabulary, const TextSpan& span, EncodeContext& context) const;

  /// Appends the bytes that a token stands for.
  void append_bytes(const Vocabulary& vocabulary, TokenId id, std::string& out) const;

 private:
  void encode_word(const Vocabulary& vocabulary, std::string_view word,
                   EncodeContext& context) const;

  MergeTable merges_;
  Pretokenizer pretokenizer_;
  Options options_;
  std::array<TokenId, 256> byte_tokens_;  // -1: none
};

}  // namespace sirocco
