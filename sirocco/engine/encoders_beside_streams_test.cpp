#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sirocco/engine/counting_pipeline_testing.hpp"
#include "sirocco/engine/engine.hpp"

/// Encoders' work beside answers that somebody waits for, in engines whose time is what steps say.
namespace sirocco {
namespace {

using namespace engine_testing;

struct Case {
  const char* name;
  int streams;
  double fixed, row, encoded;  // seconds of a step, of each of its rows, and of encoders' work
  double held_to_be;           // rows of text that so much work is said to be like
};

class EncodersBesideStreams : public ::testing::TestWithParam<Case> {
 protected:
  EncodersBesideStreams() {
    const Case& c = GetParam();
    EngineOptions options;
    options.clock = [this] { return clock_; };
    options.max_events = 100000;
    engine_.emplace(machine_, options);
    pipeline_ = std::make_shared<CountingPipeline>(
        CountingPipeline::Options{.max_step = 512,
                                  .max_sequences = 32,
                                  .clock = &clock_,
                                  .cost = c.fixed,
                                  .row_cost = c.row,
                                  .max_context = 200000,
                                  .encoded_cost = c.encoded,
                                  .encoded_a_row = 1 / c.held_to_be});
    handle_.emplace(engine_->add(pipeline_));
    for (int i = 0; i < c.streams; ++i)
      streams_.push_back(
          engine_->submit(*handle_, {.first = 1000, .rows = 20 + i, .count = 100000}));
    longest_gap([n = 0]() mutable { return n++ < 40; });
    alone_ = longest_gap([n = 0]() mutable { return n++ < 40; });
  }

  /// The longest that a stream waits for its next number while that is so.
  template <class GoesOn>
  double longest_gap(GoesOn goes_on) {
    std::vector<double> last(streams_.size(), clock_);
    double longest = 0;
    while (goes_on()) {
      engine_->step();
      for (std::size_t i = 0; i < streams_.size(); ++i) {
        while (streams_[i].try_next()) {
          longest = std::max(longest, clock_ - last[i]);
          last[i] = clock_;
        }
      }
    }
    return longest;
  }

  Machine machine_;
  double clock_ = 0;
  std::optional<Engine> engine_;
  std::shared_ptr<CountingPipeline> pipeline_;
  std::optional<Handle<CountingPipeline>> handle_;
  std::vector<Request<CountingPipeline>> streams_;
  double alone_ = 0;  // the longest gap without anything else
};

/// Of encoders' work: a good many seconds of it.
std::int64_t a_picture(const Case& c) { return static_cast<std::int64_t>(12 / c.encoded); }

TEST_P(EncodersBesideStreams, APictureStallsNobody) {
  const Case& c = GetParam();
  // The second comes when the first has shown what encoding costs.
  for (int i = 0; i < 2; ++i) {
    const auto picture =
        engine_->submit(*handle_, {.rows = 60, .count = 1, .encoded = a_picture(c)});
    const double begin = clock_;
    EXPECT_LT(longest_gap([&] { return !picture.finished(); }), 2.5 * alone_);
    // And it has a third of the time at least.
    EXPECT_LT(clock_ - begin, 3 * 12 + 60 * alone_);
  }
}

TEST_P(EncodersBesideStreams, APictureAndATextTogetherStallNobody) {
  const Case& c = GetParam();
  const auto picture =
      engine_->submit(*handle_, {.rows = 60, .count = 1, .encoded = a_picture(c)}, {.owner = 1});
  const int rows = static_cast<int>(std::min(6 / c.row, 100000.0));
  const auto text = engine_->submit(*handle_, {.rows = rows, .count = 1}, {.owner = 2});
  EXPECT_LT(longest_gap([&] { return !text.finished(); }), 3 * alone_);
  EXPECT_LT(longest_gap([&] { return !picture.finished(); }), 3 * alone_);
  // Six seconds of the one, twelve of the other, and the streams.
  EXPECT_LT(clock_, 4 * 18 + 200 * alone_);
}

TEST_P(EncodersBesideStreams, ATextHasHalfOfItsTimeBesideAPicture) {
  const Case& c = GetParam();
  const int rows = static_cast<int>(std::min(6 / c.row, 100000.0));
  const auto seconds_of_text = [&] {
    const auto text = engine_->submit(*handle_, {.rows = rows, .count = 1}, {.owner = 2});
    const double begin = clock_;
    longest_gap([&] { return !text.finished(); });
    return clock_ - begin;
  };
  const double by_itself = seconds_of_text();
  const auto picture = engine_->submit(
      *handle_, {.rows = 60, .count = 1, .encoded = 20 * a_picture(c)}, {.owner = 1});
  // The first one shows what both cost.
  seconds_of_text();
  EXPECT_LT(seconds_of_text(), 2.1 * by_itself);
  EXPECT_FALSE(picture.finished());
}

INSTANTIATE_TEST_SUITE_P(Models, EncodersBesideStreams,
                         ::testing::Values(Case{"small", 4, 0.003, 0.0004, 1e-5, 0.01},
                                           Case{"dearer_than_held", 4, 0.003, 0.0004, 4e-5, 0.01},
                                           Case{"cheaper_than_held", 4, 0.003, 0.0004, 1e-6, 0.01},
                                           Case{"large", 1, 0.2, 0.004, 1e-5, 0.0002},
                                           Case{"rows_cheaper_than_work", 2, 0.02, 0.00001, 2e-5,
                                                1.0},
                                           // There is time for nearly four rows besides.
                                           Case{"few_rows", 3, 0.0007, 0.004, 1e-5, 0.0025}),
                         [](const auto& each) { return each.param.name; });

/// With nobody waiting, work goes on in steps as long as those of a usual prompt.
TEST(EncodersAlone, StepsAreAsLongAsThoseOfPrompts) {
  Machine machine;
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine, options);
  auto pipeline =
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_step = 512,
                                                                   .clock = &clock,
                                                                   .row_cost = 0.001,
                                                                   .encoded_cost = 1e-5,
                                                                   .encoded_a_row = 100});
  const auto handle = engine.add(pipeline);
  const auto picture = engine.submit(handle, {.count = 1, .encoded = 512 * 100 * 10});
  engine.run();
  EXPECT_EQ(pipeline->steps, 11);
  EXPECT_TRUE(picture.finished());
}

}  // namespace
}  // namespace sirocco
