#pragma once

#include <filesystem>
#include <optional>

namespace sirocco {

/// The file beside the GGUF file at `model` that holds the parts of it that see and hear: a GGUF
/// file whose name has "mmproj" in it. Of several the one whose name has most in common with the
/// model's at its beginning or behind that word; nothing where there is none, or the model is a
/// folder.
std::optional<std::filesystem::path> find_mmproj(const std::filesystem::path& model);

}  // namespace sirocco
