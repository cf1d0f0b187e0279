#include "tests/support/paths_testing.hpp"

// The only source that is told where the checkout and the build are, so that all others are the
// same compilation in every clone.
namespace sirocco {

std::string source_path(std::string_view below) {
  return std::string(SIROCCO_SOURCE_DIR "/").append(below);
}

std::string made_golden_path(std::string_view below) {
  return std::string(SIROCCO_GOLDEN_DIR "/").append(below);
}

}  // namespace sirocco
