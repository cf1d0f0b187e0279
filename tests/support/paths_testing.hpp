#pragma once

#include <string>
#include <string_view>

namespace sirocco {

/// The path of a file or folder of the checkout, which `below` names from its top:
/// "tests/golden/masks".
std::string source_path(std::string_view below);

/// The path of a golden file that the build made, which `below` names from their folder:
/// "models/llama-tiny". Its test is told to CMake by sirocco_uses_golden_files.
std::string made_golden_path(std::string_view below);

}  // namespace sirocco
