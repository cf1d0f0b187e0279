#pragma once

#include <filesystem>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {

/// The tokenizer of an opened checkpoint: a folder's tokenizer.json, or what the metadata say.
/// Only a folder can ask for letters that are lowered. Throws as make_tokenizer.
Tokenizer make_tokenizer(const Checkpoint& checkpoint, LetterCase letters = LetterCase::kKept);

/// The tokenizer at `path`, for which no weights are needed: any GGUF file that holds a vocabulary,
/// a Hugging Face folder, or a tokenizer.json (beside which the folder's other files count). Throws
/// as make_tokenizer and open_checkpoint.
Tokenizer open_tokenizer(const std::filesystem::path& path);

/// How the model at `path` wants to be talked to; weights aren't needed either. Throws as
/// open_tokenizer, and NotFound where there is no chat template.
ChatFormat open_chat_format(const std::filesystem::path& path);

}  // namespace sirocco
