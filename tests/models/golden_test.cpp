// Models against recorded logits of other implementations (tests/golden/README.md).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, LogitsAreThoseOfTransformers) {
  const Json d = description(GetParam());
  const std::vector<TokenId> prompt = prompt_of(d);
  StepRunner runner(file_of(d), {});
  const auto logits = runner.step({{0, prompt}});
  expect_near(logits, recorded_logits(d, d["logits"]));

  std::vector<float> last = logits.back();
  for (const std::int32_t expected : d["continuation"].get<std::vector<std::int32_t>>()) {
    const auto best =
        static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin());
    ASSERT_EQ(best, expected);
    last = runner.step({{0, std::vector{TokenId(best)}}}).back();
  }
}

TEST_P(Golden, VariantsInOtherFormatsFollowTheContract) {
  const Json d = description(GetParam());
  const std::vector<TokenId> prompt = prompt_of(d);
  for (const auto& variant : d.value("variants", Json::array())) {
    const bool quantized = variant.contains("logits_int8");
    SCOPED_TRACE(variant["file"].get<std::string>());
    StepRunner runner(kModels / variant["file"].get<std::string>(), {});
    const auto in_float = recorded_logits(d, variant["logits"]);
    const auto logits = runner.step({{0, prompt}});
    if (!quantized) {
      expect_near(logits, in_float);
      continue;
    }
    // The reference rounds the same activations to int8, but from floats that differ in the last
    // bits: now and then one lies on the edge and falls to the other side, a whole step where
    // rounding costs half of one at most. So single logits may be as far away as rounding itself
    // takes them, but together they are much nearer.
    const auto expected = recorded_logits(d, variant["logits_int8"]);
    double ours_apart = 0.0;
    for (const RowDifference& row : differences(logits, expected)) ours_apart += row.squares;
    const double rounding = std::transform_reduce(
        expected.values.begin(), expected.values.end(), in_float.values.begin(), 0.0, std::plus<>(),
        [](double a, double b) { return (a - b) * (a - b); });
    EXPECT_LT(std::sqrt(ours_apart / rounding), 0.5);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(golden_models()),
                         [](const auto& each) { return case_name(each.param); });

}  // namespace
}  // namespace sirocco::testing
