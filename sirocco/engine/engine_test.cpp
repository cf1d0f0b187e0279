#include "sirocco/engine/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/counting_pipeline_testing.hpp"

namespace sirocco {
namespace {

using engine_testing::CountingJob;
using engine_testing::CountingPipeline;
using engine_testing::OtherPipeline;
using testing::HasSubstr;

template <class P>
std::vector<int> taken(const Request<P>& request) {
  std::vector<int> out;
  while (const auto number = request.try_next()) out.push_back(*number);
  return out;
}

std::vector<int> from(int first, int count) {
  std::vector<int> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

class EngineTest : public testing::Test {
 protected:
  Machine machine_;
};

TEST_F(EngineTest, RunsSeveralWorksToTheirEnds) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  const auto handle = engine.add(pipeline);
  std::vector<Request<CountingPipeline>> requests;
  for (int i = 0; i < 7; ++i)
    requests.push_back(engine.submit(handle, {.first = 30 * i, .rows = 5 + 7 * i, .count = 10}));
  EXPECT_EQ(engine.stats().queued, 7U);
  engine.run();
  for (int i = 0; i < 7; ++i) {
    const auto& request = requests[static_cast<std::size_t>(i)];
    EXPECT_EQ(taken(request), from(30 * i, 10));
    EXPECT_EQ(request.terms(), 10);
    const Finished finished = *request.finished();
    EXPECT_EQ(finished.reason, FinishReason::kLength);
    EXPECT_EQ(finished.usage.prompt, 5 + 7 * i);
    EXPECT_EQ(finished.usage.generated, 10);
  }
  EXPECT_EQ(*pipeline->running, 0);
  EXPECT_EQ(handle.statistics().finished[static_cast<std::size_t>(FinishReason::kLength)], 7U);
  EXPECT_EQ(handle.statistics().active, 0);
  EXPECT_FALSE(engine.step());
  for (const std::int64_t rows : pipeline->step_rows) EXPECT_LE(rows, 16);
}

TEST_F(EngineTest, TellsTheTimeThatARequestTook) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine_, options);
  const auto handle = engine.add(
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.clock = &clock, .cost = 1}));
  const auto request = engine.submit(handle, {.first = 0, .rows = 20, .count = 4});
  clock = 5;
  engine.run();
  const RequestTimings timings = request.finished()->timings;
  EXPECT_EQ(timings.queued_s, 5);
  EXPECT_EQ(timings.first_s, 2);  // two steps of 16 and 4 rows
  EXPECT_EQ(timings.rest_s, 3);
}

TEST_F(EngineTest, FailuresEndWhatTheyConcernAndKeepTheirKind) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  const auto handle = engine.add(pipeline);
  const auto step = engine.submit(handle, {.first = 664, .rows = 2, .count = 20});
  engine.run();
  EXPECT_EQ(taken(step), from(664, 2));
  EXPECT_EQ(step.finished()->reason, FinishReason::kFailed);
  EXPECT_EQ(step.finished()->error, ErrorKind::kFormat);
  EXPECT_EQ(step.finished()->message, "broken");
  const auto waited = engine.submit(handle, {.first = 667, .rows = 2, .count = 20});
  engine.run();
  EXPECT_EQ(waited.finished()->message, "lost");
  EXPECT_EQ(waited.finished()->error, std::nullopt);
  const auto begun = engine.submit(handle, {.first = -1, .rows = 2, .count = 20});
  engine.run();
  EXPECT_EQ(begun.finished()->error, ErrorKind::kFormat);
  // A work that fails by itself takes nobody with it.
  const auto alone = engine.submit(handle, {.first = 775, .rows = 2, .count = 20});
  const auto sound = engine.submit(handle, {.first = 0, .rows = 2, .count = 20});
  engine.run();
  EXPECT_EQ(taken(alone), from(775, 3));
  EXPECT_EQ(alone.finished()->error, ErrorKind::kNotANumber);
  EXPECT_EQ(taken(sound), from(0, 20));
  EXPECT_EQ(*pipeline->running, 0);
}

TEST_F(EngineTest, CancelsQueuedAndRunning) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  const auto handle = engine.add(pipeline);
  std::vector<Request<CountingPipeline>> requests;
  for (int i = 0; i < 4; ++i) requests.push_back(engine.submit(handle, {.rows = 5, .count = 50}));
  engine.step();
  EXPECT_EQ(handle.statistics().active, 3);
  requests[0].cancel();
  requests[3].cancel();
  engine.step();
  EXPECT_EQ(requests[0].finished()->reason, FinishReason::kCancelled);
  EXPECT_EQ(requests[3].finished()->reason, FinishReason::kCancelled);
  EXPECT_FALSE(requests[1].finished());
  EXPECT_EQ(*pipeline->running, 2);
}

TEST_F(EngineTest, ARequestThatNobodyHoldsIsCancelled) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  const auto handle = engine.add(pipeline);
  std::optional request = engine.submit(handle, {.rows = 5, .count = 50});
  const std::optional copy = request;
  engine.step();
  request.reset();
  engine.step();
  EXPECT_EQ(*pipeline->running, 1);
  const_cast<std::optional<Request<CountingPipeline>>&>(copy).reset();
  engine.step();
  EXPECT_EQ(*pipeline->running, 0);
}

TEST_F(EngineTest, RefusesAtOnceWhatCanNeverBe) {
  EngineOptions options;
  options.max_queued = 2;
  Engine engine(machine_, options);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  const auto refused = [&](CountingJob job) {
    return message_of([&] { (void)engine.submit(handle, job); });
  };
  EXPECT_THAT(refused({.count = 0}), HasSubstr("count is 0"));
  EXPECT_THAT(refused({.rows = 50, .count = 31}), HasSubstr("81 of 80"));
  const auto a = engine.submit(handle, {});
  const auto b = engine.submit(handle, {});
  EXPECT_THAT(refused({}), HasSubstr("2 requests are waiting"));
  engine.run();
  EXPECT_EQ(refused({}), "accepted");
}

TEST_F(EngineTest, TwoKindsOfPipelinesShareTheTime) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine_, options);
  auto slow =
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.clock = &clock, .cost = 0.04});
  auto fast =
      std::make_shared<OtherPipeline>(CountingPipeline::Options{.clock = &clock, .cost = 0.01});
  const auto a = engine.submit(engine.add(slow), {.rows = 5, .count = 70});
  const auto b = engine.submit(engine.add(fast), {.rows = 5, .count = 70});
  for (int i = 0; i < 50; ++i) engine.step();
  EXPECT_NEAR(fast->steps, 4 * slow->steps, 4);
}

// What a lane had no use for isn't owed to it.
TEST_F(EngineTest, ALaneThatWasIdleDoesNotTakeAllTheTime) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine_, options);
  const CountingPipeline::Options timed = {.clock = &clock};
  auto busy = std::make_shared<CountingPipeline>(timed);
  auto late = std::make_shared<OtherPipeline>(timed);
  const auto busy_handle = engine.add(busy);
  const auto late_handle = engine.add(late);
  const auto a = engine.submit(busy_handle, {.rows = 5, .count = 70});
  for (int i = 0; i < 30; ++i) engine.step();
  const auto b = engine.submit(late_handle, {.rows = 5, .count = 70});
  const int before = busy->steps;
  for (int i = 0; i < 20; ++i) engine.step();
  EXPECT_NEAR(busy->steps - before, 10, 1);
  EXPECT_NEAR(late->steps, 10, 1);
}

TEST_F(EngineTest, ASlowReaderHoldsUpNobodyElse) {
  EngineOptions options;
  options.max_events = 4;
  Engine engine(machine_, options);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  const auto slow = engine.submit(handle, {.first = 0, .rows = 5, .count = 40});
  const auto quick = engine.submit(handle, {.first = 100, .rows = 5, .count = 40});
  std::vector<int> got;
  for (int i = 0; i < 60; ++i) {
    engine.step();
    for (const int number : taken(quick)) got.push_back(number);
  }
  EXPECT_EQ(got, from(100, 40));
  EXPECT_FALSE(slow.finished());
  EXPECT_FALSE(engine.step());  // it waits for its reader alone
  got = taken(slow);
  EXPECT_EQ(got, from(0, 4));
  while (!slow.finished()) {
    engine.step();
    for (const int number : taken(slow)) got.push_back(number);
  }
  EXPECT_EQ(got, from(0, 40));
}

TEST_F(EngineTest, KeepsAsManyStepsInFlightAsThePipelineTakes) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>(
      CountingPipeline::Options{.max_sequences = 6, .max_steps_in_flight = 3});
  const auto handle = engine.add(pipeline);
  std::vector<Request<CountingPipeline>> requests;
  for (int i = 0; i < 6; ++i)
    requests.push_back(engine.submit(handle, {.first = 10 * i, .rows = 7, .count = 9}));
  engine.run();
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(taken(requests[static_cast<std::size_t>(i)]), from(10 * i, 9));
  EXPECT_EQ(pipeline->max_in_flight, 3U);
  // Works that wait for their next number are spread: two a step, not six in one and none in two.
  EXPECT_EQ(std::ranges::count(pipeline->step_works, 6), 0);
  EXPECT_GT(std::ranges::count(pipeline->step_works, 2), 5);
}

TEST_F(EngineTest, RowsThatBelongTogetherStayTogether) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_step = 60});
  const auto handle = engine.add(pipeline);
  const auto running = engine.submit(handle, {.first = 0, .rows = 1, .count = 30});
  for (int i = 0; i < 3; ++i) engine.step();
  const auto whole = engine.submit(handle, {.first = 50, .rows = 45, .count = 3, .whole = 40});
  engine.run();
  EXPECT_EQ(taken(whole), from(50, 3));
  EXPECT_GE(*std::ranges::max_element(pipeline->step_rows), 40);
}

TEST_F(EngineTest, APipelineThatIsTakenOutFinishesItsWork) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  const auto handle = engine.add(pipeline);
  const auto kept = engine.submit(handle, {.first = 3, .rows = 5, .count = 10});
  engine.remove(handle);
  EXPECT_EQ(taken(kept), from(3, 10));
  EXPECT_EQ(pipeline.use_count(), 1);
  EXPECT_THAT(message_of([&] { (void)engine.submit(handle, {}); }), HasSubstr("taken out"));
  EXPECT_FALSE(engine.step());
}

TEST_F(EngineTest, APipelineIsTakenOutWhileTheEngineRuns) {
  Engine engine(machine_);
  engine.start();
  for (int i = 0; i < 10; ++i) {
    auto pipeline = std::make_shared<CountingPipeline>();
    const auto handle = engine.add(pipeline);
    const auto kept = engine.submit(handle, {.first = 3, .rows = 5, .count = 10});
    engine.remove(handle);
    EXPECT_EQ(pipeline.use_count(), 1);
    EXPECT_EQ(taken(kept), from(3, 10));
  }
}

TEST_F(EngineTest, WaitsForRoomThatSomebodyElseHolds) {
  Engine engine(machine_);
  auto pipeline = std::make_shared<CountingPipeline>();
  pipeline->full = true;
  const auto handle = engine.add(pipeline);
  const auto request = engine.submit(handle, {.first = 1, .rows = 5, .count = 2});
  engine.step();
  EXPECT_FALSE(engine.step());
  pipeline->full = false;
  engine.run();
  EXPECT_EQ(taken(request), from(1, 2));
}

TEST_F(EngineTest, RunsOnItsOwnThread) {
  Engine engine(machine_);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  engine.start();
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto request = engine.submit(handle, {.first = i, .rows = 5 + i, .count = 10});
        if (i % 5 == 4) {
          request.cancel();
          (void)request.wait();
          continue;
        }
        std::vector<int> got;
        while (const auto number = request.next()) got.push_back(*number);
        EXPECT_EQ(got, from(i, 10));
        EXPECT_EQ(request.finished()->reason, FinishReason::kLength);
      }
    });
  }
  for (std::thread& t : callers) t.join();
  engine.stop();
  std::uint64_t finished = 0;
  for (const auto& count : handle.statistics().finished) finished += count;
  EXPECT_EQ(finished, 80U);
}

// The queue of requests is full again and again; a refusal is told, and nothing is lost.
TEST_F(EngineTest, ThreadsMeetAtTheBoundOfTheQueue) {
  EngineOptions options;
  options.max_queued = 1;
  options.max_events = 1;
  Engine engine(machine_, options);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  engine.start();
  std::atomic<int> done = 0;
  std::vector<std::thread> callers;
  for (int c = 0; c < 2; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < 30;) {
        std::optional<Request<CountingPipeline>> request;
        try {
          request = engine.submit(handle, {.first = 10 * c, .rows = 2, .count = 5});
        } catch (const Busy&) {
          std::this_thread::yield();
          continue;
        }
        ++i;
        std::vector<int> got;
        while (const auto number = request->next()) got.push_back(*number);
        EXPECT_EQ(got, from(10 * c, 5));
        ++done;
      }
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(done, 60);
  EXPECT_EQ(engine.stats().queued, 0U);
  EXPECT_EQ(handle.statistics().active, 0);
}

// While a prompt of 16,000 rows comes in, no stream waits three times as long as it does alone:
// on the same pipeline or on another, few streams or many.
TEST_F(EngineTest, ALongPromptStallsNobody) {
  struct Case {
    const char* name;
    int streams;
    double fixed, row, seen;
    double kink = 0;  // what rows of a step cost besides, from the ninth on
  };
  for (const Case& c :
       {Case{"small model", 1, 0.003, 0.0004, 1e-7},
        Case{"several streams", 12, 0.003, 0.0004, 1e-7},
        Case{"read from memory", 4, 0.2, 0.004, 2e-7}, Case{"all by the row", 4, 0.0, 0.01, 0},
        Case{"dearer together", 4, 0.008, 0.0005, 1e-6, 0.002}}) {
    for (const bool same_lane : {true, false}) {
      SCOPED_TRACE(std::string(c.name) + (same_lane ? ", one lane" : ", two lanes"));
      double clock = 0;
      EngineOptions options;
      options.clock = [&] { return clock; };
      options.max_events = 100000;
      Engine engine(machine_, options);
      const CountingPipeline::Options timed = {.max_step = 512,
                                               .max_sequences = 32,
                                               .clock = &clock,
                                               .cost = c.fixed,
                                               .row_cost = c.row,
                                               .seen_cost = c.seen,
                                               .kink_cost = c.kink,
                                               .max_context = 200000};
      const auto first = engine.add(std::make_shared<CountingPipeline>(timed));
      const auto second = same_lane ? first : engine.add(std::make_shared<CountingPipeline>(timed));
      std::vector<Request<CountingPipeline>> streams;
      for (int i = 0; i < c.streams; ++i)
        streams.push_back(engine.submit(first, {.rows = 20 + i, .count = 100000}));
      const auto longest_gap = [&](auto goes_on) {
        std::vector<double> last(streams.size(), clock);
        double longest = 0;
        while (goes_on()) {
          engine.step();
          for (std::size_t i = 0; i < streams.size(); ++i) {
            while (streams[i].try_next()) {
              longest = std::max(longest, clock - last[i]);
              last[i] = clock;
            }
          }
        }
        return longest;
      };
      longest_gap([n = 0]() mutable { return n++ < 40; });
      const double alone = longest_gap([n = 0]() mutable { return n++ < 40; });
      const auto prompt = engine.submit(second, {.rows = 16000, .count = 1});
      const double begin = clock;
      const double beside = longest_gap([&] { return !prompt.finished(); });
      EXPECT_LT(beside, 3 * alone);
      // And the prompt has at least a third of the time.
      const double by_itself = 16000 * (c.row + c.kink + c.seen * 8000) + 16000.0 / 512 * c.fixed;
      EXPECT_LT(clock - begin, 4 * by_itself + 16000.0 / 512 * c.fixed + 10 * alone);
    }
  }
}

// What the end of a prompt leaves of a step says nothing of how much the next one may have.
TEST_F(EngineTest, APromptBeginsAsLargeAsTheLastOneWas) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  options.max_events = 100000;
  options.max_slowdown = 20;
  Engine engine(machine_, options);
  const auto pipeline =
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_step = 512,
                                                                   .max_sequences = 32,
                                                                   .clock = &clock,
                                                                   .cost = 0.003,
                                                                   .row_cost = 0.0004,
                                                                   .max_context = 200000});
  const auto handle = engine.add(pipeline);
  const auto stream = engine.submit(handle, {.rows = 20, .count = 100000});
  for (int i = 0; i < 40; ++i) engine.step();
  const auto steps_of_a_prompt = [&](int rows) {
    const auto prompt = engine.submit(handle, {.rows = rows, .count = 1});
    int steps = 0;
    for (; !prompt.finished(); ++steps) engine.step();
    return steps;
  };
  steps_of_a_prompt(1000);
  const int usual = steps_of_a_prompt(1000);
  steps_of_a_prompt(1);
  EXPECT_LE(steps_of_a_prompt(1000), usual + 1);
}

TEST_F(EngineTest, OwnersHaveEvenPartsOfTheRoom) {
  Engine engine(machine_);
  const auto handle =
      engine.add(std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_sequences = 4}));
  std::vector<Request<CountingPipeline>> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(engine.submit(handle, {.rows = 3, .count = 10}, {.owner = 1}));
  std::vector<Request<CountingPipeline>> few;
  for (int i = 0; i < 4; ++i)
    few.push_back(engine.submit(handle, {.rows = 3, .count = 10}, {.owner = 2}));
  int ended_before = 0;
  while (!std::ranges::all_of(few, [](const auto& r) { return r.finished().has_value(); }))
    ASSERT_TRUE(engine.step());
  for (const auto& request : many) ended_before += request.finished() ? 1 : 0;
  // Half of the places each, though the one was first with five times as many.
  EXPECT_LE(ended_before, 6);
  EXPECT_GE(ended_before, 2);
  engine.run();
}

TEST_F(EngineTest, AHigherPriorityIsBegunFirst) {
  Engine engine(machine_);
  const auto handle =
      engine.add(std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_sequences = 1}));
  const auto running = engine.submit(handle, {.rows = 3, .count = 5});
  engine.step();
  const auto low = engine.submit(handle, {.rows = 3, .count = 5}, {.priority = -1});
  const auto normal = engine.submit(handle, {.rows = 3, .count = 5});
  const auto high = engine.submit(handle, {.rows = 3, .count = 5}, {.priority = 3});
  while (!high.finished()) engine.step();
  EXPECT_TRUE(running.finished());
  EXPECT_FALSE(normal.finished());
  while (!normal.finished()) engine.step();
  EXPECT_FALSE(low.finished());
  engine.run();
}

TEST_F(EngineTest, WhoWaitsLongGoesBeforeAHigherPriority) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  options.priority_worth = 10;
  Engine engine(machine_, options);
  const auto handle =
      engine.add(std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_sequences = 1}));
  const auto running = engine.submit(handle, {.rows = 3, .count = 5});
  engine.step();
  const auto low = engine.submit(handle, {.rows = 3, .count = 5}, {.priority = -2});
  clock = 19;
  const auto soon = engine.submit(handle, {.rows = 3, .count = 5});
  clock = 21;
  const auto late = engine.submit(handle, {.rows = 3, .count = 5});
  while (!soon.finished()) engine.step();
  EXPECT_FALSE(low.finished());
  while (!low.finished()) engine.step();
  EXPECT_FALSE(late.finished());
  engine.run();
}

TEST_F(EngineTest, ATimeLimitEndsWhatRunsAndWhatWaits) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine_, options);
  auto pipeline = std::make_shared<CountingPipeline>(
      CountingPipeline::Options{.max_sequences = 1, .clock = &clock, .cost = 1});
  const auto handle = engine.add(pipeline);
  const auto runs = engine.submit(handle, {.rows = 1, .count = 50}, {.time_limit = 5});
  const auto waits = engine.submit(handle, {.rows = 1, .count = 50}, {.time_limit = 3});
  const auto later = engine.submit(handle, {.rows = 1, .count = 4}, {.time_limit = 30});
  engine.run();
  EXPECT_EQ(runs.finished()->reason, FinishReason::kTimeLimit);
  EXPECT_EQ(taken(runs).size(), 5U);
  EXPECT_EQ(waits.finished()->reason, FinishReason::kTimeLimit);
  EXPECT_EQ(waits.finished()->timings.queued_s, 3);
  EXPECT_TRUE(taken(waits).empty());
  EXPECT_EQ(later.finished()->reason, FinishReason::kLength);
  EXPECT_EQ(*pipeline->running, 0);
}

// Nobody rings when time is over.
TEST_F(EngineTest, ATimeLimitEndsWhatNobodyReads) {
  EngineOptions options;
  options.max_events = 2;
  Engine engine(machine_, options);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  engine.start();
  const auto unread = engine.submit(handle, {.rows = 1, .count = 50}, {.time_limit = 0.05});
  while (!unread.finished()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(unread.finished()->reason, FinishReason::kTimeLimit);
}

TEST_F(EngineTest, OneOwnerDoesNotTakeAllPlacesToWait) {
  EngineOptions options;
  options.max_queued = 5;
  options.max_queued_of_owner = 3;
  Engine engine(machine_, options);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  std::vector<Request<CountingPipeline>> requests;
  const auto submit = [&](std::uint64_t owner) {
    return message_of([&] { requests.push_back(engine.submit(handle, {}, {.owner = owner})); });
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(submit(1), "accepted");
  EXPECT_THAT(submit(1), HasSubstr("3 requests of yours"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(submit(2), "accepted");
  EXPECT_THAT(submit(3), HasSubstr("5 requests are waiting"));
  engine.run();
  EXPECT_EQ(submit(1), "accepted");
}

TEST_F(EngineTest, ABellRingsForEventsAndTheEnd) {
  struct Counter final : Bell {
    void ring() noexcept override { ++rings; }
    std::atomic<int> rings = 0;
  };
  const auto bell = std::make_shared<Counter>();
  Engine engine(machine_);
  const auto handle = engine.add(std::make_shared<CountingPipeline>());
  const auto request = engine.submit(handle, {.rows = 2, .count = 3}, {.bell = bell});
  engine.run();
  EXPECT_EQ(bell->rings, 4);
}

TEST_F(EngineTest, CountsWhatItDoes) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(machine_, options);
  const auto handle = engine.add(
      std::make_shared<CountingPipeline>(CountingPipeline::Options{.clock = &clock, .cost = 1}));
  const LaneStatistics& counted = handle.statistics();
  std::vector<Request<CountingPipeline>> requests;
  for (int i = 0; i < 4; ++i) requests.push_back(engine.submit(handle, {.rows = 2, .count = 3}));
  EXPECT_EQ(counted.queued, 4);
  engine.step();
  EXPECT_EQ(counted.queued, 1);
  EXPECT_EQ(counted.active, 3);
  engine.run();
  EXPECT_EQ(counted.active, 0);
  EXPECT_EQ(counted.finished[static_cast<std::size_t>(FinishReason::kLength)], 4U);
  EXPECT_EQ(counted.prompt_rows, 8U);
  EXPECT_EQ(counted.generated_rows, 12U);
  EXPECT_EQ(counted.first_seconds.snapshot().count(), 4U);
  EXPECT_EQ(counted.gap_seconds.snapshot().count(), 8U);
  EXPECT_DOUBLE_EQ(counted.gap_seconds.snapshot().sum, 8);
  EXPECT_EQ(counted.step_seconds.snapshot().count(), engine.stats().steps);
  EXPECT_EQ(engine.stats().in_step, std::nullopt);
}

TEST_F(EngineTest, ItsEndIsTheEndOfAllRequests) {
  std::optional<Request<CountingPipeline>> running;
  std::optional<Request<CountingPipeline>> queued;
  {
    Engine engine(machine_);
    const auto handle = engine.add(
        std::make_shared<CountingPipeline>(CountingPipeline::Options{.max_sequences = 1}));
    running = engine.submit(handle, {.rows = 5, .count = 50});
    queued = engine.submit(handle, {.rows = 5, .count = 50});
    engine.step();
  }
  EXPECT_EQ(running->finished()->reason, FinishReason::kCancelled);
  EXPECT_EQ(queued->finished()->reason, FinishReason::kCancelled);
}

}  // namespace
}  // namespace sirocco
