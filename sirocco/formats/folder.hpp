#pragma once

#include <filesystem>
#include <string_view>

#include "sirocco/formats/checkpoint.hpp"

/// Hugging Face folders: config.json and safetensors, in one file (model.safetensors) or in parts
/// with an index (model.safetensors.index.json), as `save_pretrained` of transformers writes them;
/// that of diffusers has other names for some of these.
namespace sirocco {

/// A FolderLayout says which files of a folder describe it and hold its weights.
struct FolderLayout {
  std::string_view config = "config.json";  ///< its members are below "config."; empty: none
  /// What the names of files with weights begin with, before ".safetensors"; empty: there are none,
  /// and the checkpoint's are null.
  std::string_view weights = "model";
};

/// Opens and validates the folder's JSON files and weights; see Checkpoint for the metadata. Throws
/// NotFound, saying what to do, when the description or weights are not there, IoError, FormatError
/// and UnsupportedError.
Checkpoint open_folder(const std::filesystem::path& folder, const FolderLayout& layout = {});

}  // namespace sirocco
