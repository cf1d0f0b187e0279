#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

#include "sirocco/engine/closed_loop_testing.hpp"

namespace sirocco {
namespace {

using namespace engine_testing;

const double kSlowdown = EngineOptions().max_slowdown;
/// How much longer a prompt takes beside streams than alone, when no other prompt waits.
const double kBesideStreams = kSlowdown / (kSlowdown - 1);

/// Seconds until its first number then.
double beside_streams(const ClosedLoop& loop, double rows) {
  return kBesideStreams * rows * loop.row;
}

/// Answers are long enough that prompts have less of the time than they may.
ClosedLoop moderate(std::uint64_t seed) {
  return {.prompt = {46, 414}, .answer = {64, 1024}, .seed = seed};
}

TEST(ClosedLoop, HalfOfThePromptsHardlyWaitForOthers) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    const ClosedLoop loop = moderate(seed);
    const Outcome out = run_closed_loop(loop);
    // The first ones came all at once.
    const std::span prompts = std::span(out.prompts).subspan(100);
    const double median_rows = std::sqrt(46.0 * 414.0);
    EXPECT_LT(quantile(first_seconds(prompts), 0.5), 1.45 * beside_streams(loop, median_rows));
    // That isn't at the cost of the longest.
    EXPECT_LT(quantile(first_seconds(prompts), 0.95), 2 * beside_streams(loop, 414));
    const std::vector<double> longest = first_seconds(prompts, 380);
    EXPECT_LT(quantile(longest, 0.5), 1.5 * beside_streams(loop, 414));
    EXPECT_LT(quantile(longest, 1), 5 * beside_streams(loop, 414));
  }
}

TEST(ClosedLoop, NoStreamWaitsLongForItsNextNumber) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    Outcome out = run_closed_loop(moderate(seed));
    // Most steps are undisturbed; the first prompts came with no stream beside.
    const double undisturbed = quantile(out.gaps, 0.5);
    EXPECT_LT(quantile(out.gaps, 1), 3 * undisturbed);
    EXPECT_LT(quantile(out.gaps, 0.99), (kSlowdown + 0.1) * undisturbed);
  }
}

/// With more prompts than there is time for, short ones go before long ones, but not for ever:
/// whoever came first has a quarter of the rows that prompts have. So each that was there before a
/// prompt holds it up for four times as long as that takes beside streams at most.
TEST(ClosedLoop, NobodyWaitsForEver) {
  const ClosedLoop loop = {.prompt = {46, 286}, .answer = {16, 128}};
  const Outcome out = run_closed_loop(loop);
  const double alone = 286 * (loop.row + loop.seen * 143);
  EXPECT_LT(quantile(first_seconds(out.prompts), 1), 4 * kBesideStreams * loop.clients * alone);
}

TEST(ClosedLoop, ALongPromptComesOnWhileShortOnesNeverEnd) {
  constexpr double kRow = 0.0004;
  constexpr int kLong = 2000;
  Machine machine;
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  options.max_events = 1000000;
  Engine engine(machine, options);
  const auto handle = engine.add(
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_step = 512,
                                                                   .max_sequences = 8,
                                                                   .clock = &clock,
                                                                   .cost = 0.002,
                                                                   .row_cost = kRow,
                                                                   .max_context = 2000000}));
  const auto stream = engine.submit(handle, {.first = 1000, .rows = 1, .count = 1000000});
  for (int i = 0; i < 40; ++i) engine.step();
  const auto prompt = engine.submit(handle, {.first = 1000, .rows = kLong, .count = 1});
  std::vector<Request<CountingPipeline>> small;
  int served = 0;
  const double begin = clock;
  const double bound = 4 * kBesideStreams * kLong * kRow;
  while (!prompt.finished() && clock < begin + 2 * bound) {
    std::erase_if(small, [&](const auto& request) { return request.finished().has_value(); });
    for (; small.size() < 4; ++served)
      small.push_back(engine.submit(handle, {.first = 1000, .rows = 40, .count = 1}));
    engine.step();
  }
  EXPECT_LT(clock - begin, 1.1 * bound);
  // Most rows are theirs meanwhile.
  EXPECT_GT(served * 40, kLong);
}

}  // namespace
}  // namespace sirocco
