#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/text/special_tokens.hpp"
#include "sirocco/text/spelling/byte_level_bpe.hpp"
#include "sirocco/text/spelling/component_tokenizer.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/spelling/sentencepiece_bpe.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/vocabulary.hpp"

namespace sirocco {

/// A SpellingAlgorithm is a way to spell text with a vocabulary. Another one is another alternative
/// of `TokenizerAlgorithm`; what a file calls itself is the concern of the function that builds the
/// parts.
template <class A>
concept SpellingAlgorithm =
    requires(const A& algorithm, const Vocabulary& vocabulary, const TextSpan& span,
             EncodeContext& context, TokenId id, std::string& out) {
      { algorithm.encode(vocabulary, span, context) } -> std::same_as<void>;
      { algorithm.append_bytes(vocabulary, id, out) } -> std::same_as<void>;
    };

static_assert(SpellingAlgorithm<ByteLevelBpe> && SpellingAlgorithm<SentencePieceBpe> &&
              SpellingAlgorithm<ComponentTokenizer>);

using TokenizerAlgorithm = std::variant<ByteLevelBpe, SentencePieceBpe, ComponentTokenizer>;

/// TokenizerParts are what a Tokenizer is made of, whatever file it came from.
struct TokenizerParts {
  std::string origin;  ///< for messages
  Vocabulary vocabulary;
  TokenizerAlgorithm algorithm;
  SpecialTokens special;
  bool adds_space_prefix = false;
  AddedTokens added;              ///< what is cut out of the text before the algorithm sees it
  std::vector<TokenId> before{};  ///< what a text by itself begins with
  std::vector<TokenId> after{};   ///< and ends with
};

}  // namespace sirocco
