#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/models/npy_testing.hpp"
#include "tests/models/step_runner_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<float>>;

/// What is recorded, and the files that were made of it (tests/golden/README.md).
inline const fs::path kGolden = source_path("tests/golden");
inline const fs::path kMade = made_golden_path("");
inline const fs::path kModels = kMade / "models";

inline Json read_json(const fs::path& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

inline Json description(const std::string& name) {
  return read_json(kGolden / "models" / (name + ".json"));
}

/// The names of all models that are described, or of those that have such a member.
inline std::vector<std::string> golden_models(const std::string& member = "name") {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kGolden / "models")) {
    if (entry.path().extension() == ".json" && read_json(entry.path()).contains(member))
      out.push_back(entry.path().stem());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Where the model has a GGUF file, that; else its folder.
inline fs::path file_of(const Json& model) {
  return kModels / model[model.contains("file") ? "file" : "folder"].get<std::string>();
}

inline std::vector<TokenId> prompt_of(const Json& model) {
  return token_ids(model["prompt"].get<std::vector<std::int32_t>>());
}

/// As GoogleTest wants names of cases.
inline std::string case_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// Recorded logits [T, V] of which one in `every` is kept, row after row.
struct RecordedLogits {
  std::vector<float> values;
  std::size_t every;
};

/// Those that `recorded` names, of a model.
inline RecordedLogits recorded_logits(const Json& model, const std::string& file,
                                      const std::string& folder = "models") {
  return {read_npy_floats(kGolden / folder / file).values, model["every"].get<std::size_t>()};
}

/// How far a row is from what was recorded of it.
struct RowDifference {
  float largest = 0.0f;  ///< NaN where there is one
  float largest_value = 0.0f;
  double squares = 0.0;
  double squared_values = 0.0;
};

inline std::vector<RowDifference> differences(const Rows& ours, const RecordedLogits& theirs) {
  const std::size_t width = ours.at(0).size();
  EXPECT_EQ(theirs.values.size(), (ours.size() * width + theirs.every - 1) / theirs.every);
  std::vector<RowDifference> out(ours.size());
  for (std::size_t i = 0; i < theirs.values.size() && i * theirs.every < ours.size() * width; ++i) {
    const float expected = theirs.values[i];
    const float value = ours[i * theirs.every / width][i * theirs.every % width];
    RowDifference& row = out[i * theirs.every / width];
    const float apart = std::abs(value - expected);
    row.largest = apart <= row.largest ? row.largest : apart;
    row.largest_value = std::max(row.largest_value, std::abs(expected));
    row.squares += std::pow(double{value} - expected, 2.0);
    row.squared_values += std::pow(double{expected}, 2.0);
  }
  return out;
}

/// Expects rows within 1e-4 of the largest recorded value of each.
inline void expect_near(const Rows& ours, const RecordedLogits& theirs) {
  const std::vector<RowDifference> rows = differences(ours, theirs);
  for (std::size_t t = 0; t < rows.size(); ++t)
    EXPECT_LT(rows[t].largest, 1e-4f * rows[t].largest_value) << "position " << t;
}

/// By the scalar code with the bits of `isa`.
inline Rows logits(const fs::path& path, const std::string& name, const Format* quantize = nullptr,
                   Isa isa = Isa::kRef) {
  StepRunner::Options options;
  options.isa = isa;
  options.oracle = true;
  options.quantize = quantize;
  StepRunner runner(path, options);
  return runner.step({{0, prompt_of(description(name))}});
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
