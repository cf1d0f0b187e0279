#include "sirocco/text/fixed_length.hpp"

#include <limits>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr TokenizeOptions kWhole{.parse_special = true, .add_special = true};

}  // namespace

TokenId padding_token(const Tokenizer& tokenizer) {
  if (tokenizer.special().padding) return *tokenizer.special().padding;
  throw UnsupportedError(
      "the tokenizer has no padding token, with which texts for this model are filled up; name it "
      "as 'pad_token' in its tokenizer_config.json");
}

FixedLengthTokenizer::FixedLengthTokenizer(const Tokenizer& tokenizer, std::int32_t length)
    : tokenizer_(tokenizer), length_(length), padding_(padding_token(tokenizer)) {
  const auto around = std::ssize(tokenizer.tokenize("", kWhole));
  if (length < 1 || length < around) {
    throw InvalidArgument(
        "texts of {} tokens: {} of them stand around every text, or there is none", length, around);
  }
}

FixedLengthTokens FixedLengthTokenizer::tokenize(std::string_view text) const {
  FixedLengthTokens out{.tokens = tokenizer_.tokenize(text, kWhole), .left_out = {}};
  const auto length = static_cast<std::size_t>(length_);
  if (out.tokens.size() > length) {
    const auto behind = std::ssize(tokenizer_.behind());
    const auto cut = out.tokens.begin() + length_ - behind;
    const auto end = out.tokens.end() - behind;
    out.left_out.assign(cut, end);
    out.tokens.erase(cut, end);
  }
  out.read = static_cast<std::int32_t>(out.tokens.size());
  out.tokens.resize(length, padding_);
  return out;
}

std::optional<std::int32_t> model_max_length(const Metadata& folder) {
  const auto said = folder.get<double>("tokenizer_config.model_max_length");
  if (!said || *said > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  if (*said >= 1.0) return static_cast<std::int32_t>(*said);
  throw FormatError("{}: {} is {}; expected a positive number", folder.origin(),
                    quoted("tokenizer_config.model_max_length"), *said);
}

}  // namespace sirocco
