#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {

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
Tokenizer make_tokenizer(const CompanionFiles& files);

/// The chat template that these files hold: chat_template.jinja, chat_template.json, or the member
/// `chat_template` of tokenizer_config.json (a text, or a list of named ones of which "default"
/// counts), in this order; or nothing.
std::optional<std::string> find_chat_template(const CompanionFiles& files);

/// How the model in a folder wants to be talked to. Throws NotFound when it has no template.
ChatFormat make_chat_format(const CompanionFiles& files, const Tokenizer& tokenizer);

}  // namespace sirocco
