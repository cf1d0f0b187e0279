#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <variant>

#include "sirocco/text/byte_level_bpe.hpp"
#include "sirocco/text/encode_context.hpp"
#include "sirocco/text/sentencepiece_bpe.hpp"
#include "sirocco/text/special_tokens.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A way to spell text with a vocabulary. Another one is another alternative of
/// `TokenizerAlgorithm`; what a file calls itself is the concern of the function that builds the
/// parts.
template <class A>
concept SpellingAlgorithm =
    requires(const A& algorithm, const Vocabulary& vocabulary, std::string_view text, bool first,
             EncodeContext& context, TokenId id, std::string& out) {
      { algorithm.encode(vocabulary, text, first, context) } -> std::same_as<void>;
      { algorithm.append_bytes(vocabulary, id, out) } -> std::same_as<void>;
      { A::kCutsUserDefined } -> std::convertible_to<bool>;
    };

static_assert(SpellingAlgorithm<ByteLevelBpe> && SpellingAlgorithm<SentencePieceBpe>);

using TokenizerAlgorithm = std::variant<ByteLevelBpe, SentencePieceBpe>;

/// What a Tokenizer is made of, whatever file it came from.
struct TokenizerParts {
  std::string origin;  ///< for messages
  Vocabulary vocabulary;
  TokenizerAlgorithm algorithm;
  SpecialTokens special;
  bool adds_space_prefix = false;
};

}  // namespace sirocco
