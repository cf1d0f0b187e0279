#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sirocco/base/ids.hpp"
#include "sirocco/text/spelling/byte_tokens.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/merges.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A BpeModel is byte-pair encoding over the characters of a word (Sennrich et al. 2016), with the
/// options of a tokenizer.json. Whether a character stands for a byte is the concern of what comes
/// before. User-defined tokens are not part of it: they are cut out of the text before. Immutable,
/// safe to share between threads.
class BpeModel {
 public:
  struct Merge {
    std::string_view left;
    std::string_view right;
  };
  struct Options {
    std::optional<TokenId> unknown;         ///< for a character without a token
    bool fuse_unknown = false;              ///< a run of them is one token
    bool byte_fallback = false;             ///< byte tokens before the unknown one
    bool ignore_merges = false;             ///< a word that is a token is that token
    std::string continuing_subword_prefix;  ///< ahead of every character but a word's first
    std::string end_of_word_suffix;         ///< behind a word's last
  };

  /// `merges` in order of rank; of a pair that comes twice the last counts, as in the reference.
  /// A merge that would yield a control token is left out: text can't make one. Throws FormatError
  /// for a merge whose parts or result the vocabulary lacks.
  BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges, Options options,
           std::string_view origin);

  /// Appends the tokens of one word (well-formed UTF-8).
  void encode_word(const Vocabulary& vocabulary, std::string_view word,
                   EncodeContext& context) const;

  const ByteTokens& byte_tokens() const noexcept { return byte_tokens_; }

 private:
  static constexpr std::size_t kDirect = 0x180;  // covers the characters that spell bytes

  MergeTable merges_;
  Options options_;
  ByteTokens byte_tokens_;
  std::array<std::int32_t, kDirect> direct_{};  // tokens of single characters; -1: none
  bool plain_ = true;                           // neither prefix nor suffix
};

}  // namespace sirocco
