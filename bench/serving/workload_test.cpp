#include "bench/serving/workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace sirocco::bench {
namespace {

constexpr int kMany = 2000;

TEST(Workload, TheSameSeedAsksTheSame) {
  const Workload one(1, {10, 100}, {5, 50});
  const Workload same(1, {10, 100}, {5, 50});
  const Workload other(2, {10, 100}, {5, 50});
  EXPECT_EQ(one.plan(3).prompt, same.plan(3).prompt);
  EXPECT_EQ(one.plan(3).answer_tokens, same.plan(3).answer_tokens);
  EXPECT_NE(one.plan(3).prompt, other.plan(3).prompt);
}

TEST(Workload, LengthsAreWithinTheirLimitsAndReachThem) {
  const Workload work(1, {10, 80}, {1, 4});
  int least = 1000;
  int most = 0;
  int below_20 = 0;
  int below_40 = 0;
  std::set<int> answers;
  for (int i = 0; i < kMany; ++i) {
    const Plan plan = work.plan(static_cast<std::uint64_t>(i));
    EXPECT_EQ(std::ranges::count(plan.prompt, ' ') + 1, plan.prompt_words);
    least = std::min(least, plan.prompt_words);
    most = std::max(most, plan.prompt_words);
    if (plan.prompt_words < 20) ++below_20;
    if (plan.prompt_words < 40) ++below_40;
    answers.insert(plan.answer_tokens);
  }
  EXPECT_EQ(least, 10);
  EXPECT_EQ(most, 80);
  EXPECT_EQ(answers, (std::set{1, 2, 3, 4}));
  // A third of them in each factor of two.
  EXPECT_NEAR(below_20, kMany / 3, kMany / 20);
  EXPECT_NEAR(below_40, kMany * 2 / 3, kMany / 20);
}

TEST(Workload, NoTwoPromptsBeginAlike) {
  const Workload work(1, {16, 16}, {1, 1});
  std::set<std::string> begins;
  for (int i = 0; i < kMany; ++i) {
    const std::string prompt = work.plan(static_cast<std::uint64_t>(i)).prompt;
    std::size_t end = 0;
    for (int words = 0; words < 6; ++words) end = prompt.find(' ', end + 1);
    begins.insert(prompt.substr(0, end));
  }
  EXPECT_EQ(begins.size(), std::size_t{kMany});
}

TEST(Arrivals, AreAPoissonProcess) {
  const std::vector<double> at = arrivals(1, 8, kMany);
  EXPECT_EQ(at, arrivals(1, 8, kMany));
  EXPECT_NE(at, arrivals(2, 8, kMany));
  EXPECT_TRUE(std::ranges::is_sorted(at));
  EXPECT_NEAR(at.back(), kMany / 8.0, kMany / 8.0 * 0.1);
  // Gaps have the spread of their mean, and none is likelier than a shorter one.
  double sum = 0;
  double squares = 0;
  int short_ones = 0;
  double before = 0;
  for (const double time : at) {
    const double gap = time - std::exchange(before, time);
    sum += gap;
    squares += gap * gap;
    if (gap < std::log(2) / 8) ++short_ones;
  }
  const double mean = sum / kMany;
  EXPECT_NEAR(std::sqrt(squares / kMany - mean * mean), mean, mean * 0.1);
  EXPECT_NEAR(short_ones, kMany / 2, kMany / 20);
}

}  // namespace
}  // namespace sirocco::bench
