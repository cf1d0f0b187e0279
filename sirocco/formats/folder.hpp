#pragma once

#include <filesystem>

#include "sirocco/formats/checkpoint.hpp"

/// Hugging Face folders: config.json and safetensors, in one file (model.safetensors) or in parts
/// with an index (model.safetensors.index.json), as `save_pretrained` of transformers writes them.
namespace sirocco {

/// Opens and validates the folder's JSON files and weights; see Checkpoint for the metadata. Throws
/// NotFound, saying what to do, when config.json or weights are not there, IoError, FormatError and
/// UnsupportedError.
Checkpoint open_folder(const std::filesystem::path& folder);

}  // namespace sirocco
