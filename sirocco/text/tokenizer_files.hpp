#pragma once

#include <cstdint>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

/// A LetterCase says whether text is lowered before it is normalized, as sentence-transformers'
/// do_lower_case has it: character by character, and special tokens are looked for before.
enum class LetterCase : std::uint8_t { kKept, kLowered };

/// The tokenizer that the files of a Hugging Face folder describe. Its vocabulary and components
/// are those of tokenizer.json, as Hugging Face's `tokenizers` puts them together; where there is
/// none, those that `transformers` makes of vocab.json and merges.txt, of vocab.txt, or of a model
/// of SentencePiece (see vocabulary_files.hpp). What tokenizer_config.json, special_tokens_map.json
/// and added_tokens.json add to it comes as `transformers` reads it (folder_tokens.hpp); every
/// token there or in generation_config.json and config.json that ends an answer does. Truncation
/// and padding, which a tokenizer.json may hold too, are left to who calls.
///
/// Throws FormatError for what isn't JSON, has the wrong type, contradicts itself or is beyond its
/// bounds, UnsupportedError for a component, a tokenizer class or a kind of file that this build
/// doesn't know, naming it, and NotFound where no file holds a vocabulary.
Tokenizer make_tokenizer(const CompanionFiles& files, LetterCase letters = LetterCase::kKept);

}  // namespace sirocco
