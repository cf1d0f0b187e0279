// Models against recorded logits of other implementations (tests/golden/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/models/npy.hpp"
#include "tests/models/step_runner.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(SIROCCO_SOURCE_DIR) / "tests/golden/models";

nlohmann::json description(const std::string& name) {
  std::ifstream file(kFolder / (name + ".json"));
  return nlohmann::json::parse(file);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".json") out.push_back(entry.path().stem());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Largest difference at a position over the largest value there, at the worst position.
float relative_difference(const std::vector<std::vector<float>>& ours,
                          const NpyArray<float>& theirs) {
  float worst = 0.0f;
  for (std::size_t t = 0; t < ours.size(); ++t) {
    float difference = 0.0f;
    float largest = 0.0f;
    for (std::size_t v = 0; v < ours[t].size(); ++v) {
      const float expected = theirs.values[t * ours[t].size() + v];
      const float apart = std::abs(ours[t][v] - expected);
      difference = apart <= difference ? difference : apart;  // a NaN stays
      largest = std::max(largest, std::abs(expected));
    }
    const float relative = difference / largest;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, LogitsAreThoseOfTransformers) {
  const nlohmann::json d = description(GetParam());
  const auto prompt = d["prompt"].get<std::vector<std::int32_t>>();
  StepRunner runner(kFolder / d["file"].get<std::string>(), {});
  const auto logits = runner.step({{0, prompt}});
  EXPECT_LT(relative_difference(logits, read_npy_floats(kFolder / d["logits"].get<std::string>())),
            1e-4f);

  std::vector<float> last = logits.back();
  for (const std::int32_t expected : d["continuation"].get<std::vector<std::int32_t>>()) {
    const auto best =
        static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin());
    ASSERT_EQ(best, expected);
    last = runner.step({{0, {&best, 1}}}).back();
  }
}

TEST_P(Golden, VariantsInOtherFormatsFollowTheContract) {
  const nlohmann::json d = description(GetParam());
  const auto prompt = d["prompt"].get<std::vector<std::int32_t>>();
  for (const auto& variant : d.value("variants", nlohmann::json::array())) {
    const bool quantized = variant.contains("logits_int8");
    SCOPED_TRACE(variant["file"].get<std::string>());
    StepRunner runner(kFolder / variant["file"].get<std::string>(), {});
    const auto expected =
        read_npy_floats(kFolder / variant[quantized ? "logits_int8" : "logits"].get<std::string>());
    const auto logits = runner.step({{0, prompt}});
    if (!quantized) {
      EXPECT_LT(relative_difference(logits, expected), 1e-4f);
      continue;
    }
    // The reference rounds the same activations to int8, but from floats that differ in the last
    // bits: now and then one lies on the edge and falls to the other side, a whole step where
    // rounding costs half of one at most. So single logits may be as far away as rounding itself
    // takes them, but together they are much nearer.
    const auto in_float = read_npy_floats(kFolder / variant["logits"].get<std::string>());
    double ours_apart = 0.0;
    double rounding = 0.0;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      const std::size_t width = logits[0].size();
      ours_apart += std::pow(logits[i / width][i % width] - expected.values[i], 2.0);
      rounding += std::pow(in_float.values[i] - expected.values[i], 2.0);
    }
    EXPECT_LT(std::sqrt(ours_apart / rounding), 0.5);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(names()), [](const auto& each) {
  std::string name = each.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace sirocco::testing
