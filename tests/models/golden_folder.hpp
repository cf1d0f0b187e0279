#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/models/step_runner.hpp"

namespace sirocco::testing {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<float>>;

inline const fs::path kModels = fs::path(SIROCCO_SOURCE_DIR) / "tests/golden/models";

inline Json read_json(const fs::path& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

inline Json description(const std::string& name) { return read_json(kModels / (name + ".json")); }

/// By the scalar code with the bits of `isa`.
inline Rows logits(const fs::path& path, const std::string& name, const Format* quantize = nullptr,
                   Isa isa = Isa::kRef) {
  StepRunner::Options options;
  options.isa = isa;
  options.oracle = true;
  options.quantize = quantize;
  StepRunner runner(path, options);
  return runner.step({{0, description(name)["prompt"].get<std::vector<std::int32_t>>()}});
}

inline void expect_same_bits(const Rows& a, const Rows& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t t = 0; t < a.size(); ++t) {
    ASSERT_EQ(a[t].size(), b[t].size());
    ASSERT_EQ(std::memcmp(a[t].data(), b[t].data(), a[t].size() * sizeof(float)), 0)
        << "position " << t;
  }
}

/// A folder of the test's own, gone with it.
class Scratch {
 public:
  Scratch()
      : path_(fs::path(::testing::TempDir()) / ("sirocco_models_" + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void link_weights_of(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(kModels / name)) {
      const fs::path file = entry.path().filename();
      if (file.native().starts_with("model")) fs::create_symlink(entry.path(), path_ / file);
    }
  }

 private:
  fs::path path_;
};

}  // namespace sirocco::testing
