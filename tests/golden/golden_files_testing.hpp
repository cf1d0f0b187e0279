#pragma once

#include <filesystem>

namespace sirocco::testing {

/// Makes the files that `description` (NAME.json; its members are in tests/golden/README.md)
/// describes, in the folder `out`: GGUF files, and Hugging Face folders whose small files are
/// copied from beside the description. Weights are CountedValues in the types that they are stored
/// in. Throws std::runtime_error for a description that doesn't fit together.
void make_golden_files(const std::filesystem::path& description, const std::filesystem::path& out);

}  // namespace sirocco::testing
