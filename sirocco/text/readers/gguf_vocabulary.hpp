#pragma once

#include <cstdint>
#include <string_view>

#include "sirocco/tensor/metadata.hpp"
#include "sirocco/text/special_tokens.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/vocabulary.hpp"

// What a GGUF says about its tokens under `tokenizer.ggml.*`, whatever algorithm spells text with
// them, and what their texts tell where it says nothing. The keys are those of the GGUF
// specification, section "Tokenizer".
namespace sirocco {

/// The vocabulary of a GGUF file: `tokens`, with `token_type` and `scores` as far as they are
/// there. An entry without a type (none are listed, or its type is 0) is a control token if its
/// text is `<|…|>`, else text; one of any type is padding if its text says so
/// (`Vocabulary::is_padding`) or is empty. Throws FormatError for a list that is missing or too
/// short, and for an unknown type.
Vocabulary read_gguf_vocabulary(const Metadata& metadata);

/// The tokens that the keys `…_token_id` name. Files are known to label them as text: one in
/// brackets (`</s>`, `[SEP]`) becomes the control token, or the unknown token, that it is named as.
/// An id outside the vocabulary is left aside, with a warning.
SpecialTokens read_gguf_special(const Metadata& metadata, Vocabulary& vocabulary);

/// Sets `special.add_bos` and `special.add_eos`: as the file says, else as given here if there is
/// such a token. Warns where the file wants one that it doesn't name.
void read_gguf_additions(const Metadata& metadata, SpecialTokens& special, bool add_bos,
                         bool add_eos);

/// A SpaceStyle is how the vocabulary writes spaces.
enum class SpaceStyle : std::uint8_t {
  kPlain,   ///< as they are, or spelled by the algorithm
  kMarked,  ///< as U+2581, which stands for a space in user-defined tokens too
};

/// The tokens to cut out of a text before an algorithm sees it: user-defined ones wherever their
/// text occurs, control and unknown ones in trusted text.
AddedTokens gguf_added_tokens(const Vocabulary& vocabulary, SpaceStyle spaces,
                              std::string_view origin);

}  // namespace sirocco
