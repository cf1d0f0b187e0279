#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/tensor/metadata.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// The token with which texts are filled up. Throws UnsupportedError for a tokenizer without one.
TokenId padding_token(const Tokenizer& tokenizer);

/// FixedLengthTokens are a text's tokens cut or filled up to a number of them.
struct FixedLengthTokens {
  std::vector<TokenId> tokens;
  std::vector<TokenId> left_out;  ///< the text's last ones, which there was no room for
  std::int32_t read = 0;          ///< how many of `tokens` aren't padding
};

/// A FixedLengthTokenizer makes the tokens that encoders of models which draw are given: what the
/// tokenizer puts around a text, of the text as much as there is room for, and padding behind it.
/// As in diffusers, special tokens that a text spells are made of it. Borrows the tokenizer.
class FixedLengthTokenizer {
 public:
  /// Throws UnsupportedError for a tokenizer without a padding token, InvalidArgument where what
  /// stands around a text is longer than `length`.
  FixedLengthTokenizer(const Tokenizer& tokenizer, std::int32_t length);

  std::int32_t length() const { return length_; }
  /// Throws as Tokenizer::tokenize.
  FixedLengthTokens tokenize(std::string_view text) const;

 private:
  const Tokenizer& tokenizer_;
  std::int32_t length_;
  TokenId padding_;
};

/// The number of tokens that a folder's tokenizer_config.json allows a text (`model_max_length`);
/// nothing where it doesn't say, or says one beyond all lengths, which is how transformers spells
/// that it doesn't know. Throws FormatError for what is no positive number.
std::optional<std::int32_t> model_max_length(const Metadata& folder);

}  // namespace sirocco
