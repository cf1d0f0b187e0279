// Makes the files of all models that a folder describes.
//
// usage: sirocco_make_golden_files DESCRIPTIONS OUT
#include <cstdio>
#include <exception>

#include "tests/golden/golden_files_testing.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s DESCRIPTIONS OUT\n", argv[0]);
    return 2;
  }
  try {
    std::filesystem::remove_all(argv[2]);
    std::filesystem::create_directories(argv[2]);
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      if (entry.path().extension() == ".json")
        sirocco::testing::make_golden_files(entry.path(), argv[2]);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
