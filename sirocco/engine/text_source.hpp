#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/chat_templates.hpp"
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

/// The chat templates of an opened checkpoint. Throws as text/'s readers.
ChatTemplates read_chat_templates(const Checkpoint& checkpoint);

/// How the model at `path` wants to be talked to, by its template `name` or without one by those
/// that ChatFormat chooses; weights aren't needed either. Throws as open_tokenizer,
/// read_chat_templates and make_chat_format.
ChatFormat open_chat_format(const std::filesystem::path& path,
                            std::optional<std::string_view> name = {});

}  // namespace sirocco
