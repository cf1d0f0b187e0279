#include "sirocco/engine/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <thread>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;

// Counts on: after token t comes t + 1. Time is what its steps say it is.
class CountingPipeline final : public Pipeline {
 public:
  explicit CountingPipeline(double* clock = nullptr) : clock_(clock) {
    info_.vocabulary = 1000;
    info_.context_length = 100;
  }
  const ModelInfo& info() const override { return info_; }
  std::vector<StagePlacement> placement() const override { return {}; }
  std::int32_t context() const override { return 100; }
  int largest_step() const override { return 16; }
  int max_sequences() const override { return 3; }
  bool admit(SequenceId id, std::int64_t positions) override {
    check_admissible(positions);
    if (running.size() >= 3) return false;
    running[id] = 0;
    return true;
  }
  void check_admissible(std::int64_t positions) const override {
    if (positions > 80) throw ResourceExhausted("{} positions of 80", positions);
  }
  void retire(SequenceId id) override { running.erase(id); }
  Ticket submit(const StepBatch& batch) override {
    std::size_t rows = 0;
    result_ = {};
    for (const StepItem& item : batch) {
      rows += item.tokens.size();
      EXPECT_TRUE(running.contains(item.sequence));
      running[item.sequence] += item.tokens.size();
      for (const TokenId t : item.tokens) {
        if (t == TokenId(666)) throw std::runtime_error("broken");
      }
      StepItemResult out;
      out.sequence = item.sequence;
      if (const auto* want = std::get_if<WantToken>(&item.wanted)) {
        EXPECT_EQ(want->own.size(), running[item.sequence]);
        const std::int32_t next = item.tokens.back().value() + 1;
        if (next == 778) {
          out.fault = StepFault::kScoresNotFinite;
        } else if (samples) {
          std::vector<float> logits(1000, 0.0f);
          logits[static_cast<std::size_t>(next)] = 1.0f;
          out.token = std::get<TokenId>(
              want->sampler->sample(logits, want->own, want->own.size(), 0, scratch_));
        } else {
          out.token = TokenId(next);
        }
      }
      result_.items.push_back(std::move(out));
    }
    EXPECT_LE(rows, 16U);
    ++steps;
    if (clock_ != nullptr) *clock_ += 0.01 * cost;
    return Ticket(1);
  }
  const StepResult& wait(Ticket) override { return result_; }

  std::map<SequenceId, std::size_t> running;
  int steps = 0;
  double cost = 1;
  bool samples = false;  // else no sampler is asked

 private:
  ModelInfo info_;
  SamplerScratch scratch_;
  StepResult result_;
  double* clock_;
};

class Recorder final : public TokenSink {
 public:
  explicit Recorder(std::function<Verdict(TokenId)> verdict = {}) : verdict_(std::move(verdict)) {}
  Verdict on_token(TokenId token) override {
    tokens.push_back(token.value());
    return verdict_ ? verdict_(token) : Verdict::kContinue;
  }
  void on_finish(const Finished& f) override {
    ++ends;
    finished = f;
  }
  std::vector<int> tokens;
  std::optional<Finished> finished;
  int ends = 0;

 private:
  std::function<Verdict(TokenId)> verdict_;
};

Request request(int first, int count, std::optional<std::int64_t> limit,
                std::shared_ptr<TokenSink> sink = nullptr) {
  Request r;
  for (int i = 0; i < count; ++i) r.prompt.emplace_back(first + i);
  r.max_tokens = limit;
  r.sink = std::move(sink);
  return r;
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

TEST(Engine, RunsSeveralSequencesToTheirEnds) {
  Engine engine;
  auto pipeline = std::make_shared<CountingPipeline>();
  const PipelineId id = engine.add(pipeline);
  std::vector<std::shared_ptr<Recorder>> sinks;
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 7; ++i) {
    sinks.push_back(std::make_shared<Recorder>());
    handles.push_back(engine.submit(id, request(100 * i, 5 + 7 * i, 10, sinks.back())));
  }
  EXPECT_EQ(engine.stats().queued, 7U);
  engine.run();
  for (int i = 0; i < 7; ++i) {
    const auto& sink = *sinks[static_cast<std::size_t>(i)];
    std::vector<int> expected;
    for (int t = 0; t < 10; ++t) expected.push_back(100 * i + 5 + 7 * i + t);
    EXPECT_EQ(sink.tokens, expected);
    EXPECT_EQ(sink.ends, 1);
    EXPECT_EQ(sink.finished->reason, FinishReason::kLength);
    EXPECT_EQ(sink.finished->timings.prompt_tokens, 5 + 7 * i);
    EXPECT_EQ(sink.finished->timings.generated_tokens, 10);
    EXPECT_TRUE(handles[static_cast<std::size_t>(i)].finished());
  }
  EXPECT_TRUE(pipeline->running.empty());
  EXPECT_EQ(engine.stats().finished, 7U);
  EXPECT_EQ(engine.stats().active, 0U);
  EXPECT_FALSE(engine.step());
}

TEST(Engine, EndsForItsReasons) {
  Engine engine;
  const PipelineId id = engine.add(std::make_shared<CountingPipeline>());
  auto by_token = std::make_shared<Recorder>();
  Request with_end = request(0, 5, 20, by_token);
  with_end.end_tokens = {TokenId(900), TokenId(8)};
  const auto a = engine.submit(id, std::move(with_end));
  auto by_sink = std::make_shared<Recorder>(
      [](TokenId t) { return t == TokenId(7) ? Verdict::kStop : Verdict::kContinue; });
  const auto b = engine.submit(id, request(0, 5, 20, by_sink));
  auto throws = std::make_shared<Recorder>(
      [](TokenId) -> Verdict { throw std::runtime_error("no more disk"); });
  const auto c = engine.submit(id, request(0, 5, 20, throws));
  engine.run();
  EXPECT_EQ(a.wait().reason, FinishReason::kStop);
  EXPECT_EQ(by_token->tokens, (std::vector<int>{5, 6, 7}));
  EXPECT_EQ(b.wait().reason, FinishReason::kStop);
  EXPECT_EQ(by_sink->tokens, (std::vector<int>{5, 6, 7}));
  EXPECT_EQ(c.wait().reason, FinishReason::kFailed);
  EXPECT_EQ(c.wait().message, "no more disk");
  const auto d = engine.submit(id, request(664, 2, 20));
  engine.run();
  EXPECT_EQ(d.wait().reason, FinishReason::kFailed);
  EXPECT_EQ(d.wait().message, "broken");
}

TEST(Engine, AFaultEndsItsSequenceAlone) {
  Engine engine;
  auto pipeline = std::make_shared<CountingPipeline>();
  const PipelineId id = engine.add(pipeline);
  auto broken = std::make_shared<Recorder>();
  auto sound = std::make_shared<Recorder>();
  const auto a = engine.submit(id, request(770, 5, 20, broken));
  const auto b = engine.submit(id, request(0, 5, 20, sound));
  engine.run();
  EXPECT_EQ(a.wait().reason, FinishReason::kFailed);
  EXPECT_THAT(a.wait().message, HasSubstr("not finite numbers (NaN"));
  EXPECT_EQ(broken->tokens, (std::vector<int>{775, 776, 777}));
  EXPECT_EQ(broken->ends, 1);
  EXPECT_EQ(b.wait().reason, FinishReason::kLength);
  EXPECT_EQ(sound->tokens.size(), 20U);
  EXPECT_TRUE(pipeline->running.empty());
}

TEST(Engine, SamplersKnowWhereAnswersBeginAndEnd) {
  Engine engine;
  auto pipeline = std::make_shared<CountingPipeline>();
  pipeline->samples = true;
  const PipelineId id = engine.add(pipeline);
  const auto answer = [&](std::int64_t limit, void (*change)(LogitRules&)) {
    auto sink = std::make_shared<Recorder>();
    Request r = request(0, 5, limit, sink);
    r.end_tokens = {TokenId(900), TokenId(8)};
    r.sampling.temperature = 0;
    change(r.sampling.rules);
    engine.submit(id, std::move(r));
    engine.run();
    return sink->tokens;
  };
  using Tokens = std::vector<int>;
  EXPECT_EQ(answer(20, [](LogitRules&) {}), (Tokens{5, 6, 7}));
  EXPECT_EQ(answer(20, [](LogitRules& r) { r.min_new_tokens = 5; }),
            (Tokens{5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(answer(20, [](LogitRules& r) { r.suppressed_at_begin = {TokenId(5)}; }),
            (Tokens{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(answer(3, [](LogitRules& r) { r.forced_last = {TokenId(900)}; }), (Tokens{5, 6}));
}

TEST(Engine, CancelsQueuedAndRunning) {
  Engine engine;
  auto pipeline = std::make_shared<CountingPipeline>();
  const PipelineId id = engine.add(pipeline);
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(engine.submit(id, request(1, 5, 50)));
  engine.step();
  EXPECT_EQ(engine.stats().active, 3U);
  handles[0].cancel();
  handles[3].cancel();
  engine.step();
  EXPECT_EQ(handles[0].wait().reason, FinishReason::kCancelled);
  EXPECT_EQ(handles[3].wait().reason, FinishReason::kCancelled);
  EXPECT_FALSE(handles[1].finished());
  EXPECT_EQ(pipeline->running.size(), 2U);
}

TEST(Engine, RefusesAtOnceWhatCanNeverFit) {
  EngineOptions options;
  options.max_queued = 2;
  options.default_max_tokens = 30;
  Engine engine(options);
  const PipelineId id = engine.add(std::make_shared<CountingPipeline>());
  const auto refused = [&](Request r) {
    return message_of([&] { engine.submit(id, std::move(r)); });
  };
  EXPECT_THAT(refused(request(0, 0, 1)), HasSubstr("no tokens"));
  EXPECT_THAT(refused(request(999, 2, 1)), HasSubstr("1000"));
  EXPECT_THAT(refused(request(0, 101, 1)), HasSubstr("101 tokens"));
  EXPECT_THAT(refused(request(0, 50, 60)), HasSubstr("51 would"));
  EXPECT_THAT(refused(request(0, 60, 30)), HasSubstr("89 positions of 80"));
  EXPECT_THAT(refused(request(0, 5, 0)), HasSubstr("max_tokens is 0"));
  Request hot = request(0, 5, 1);
  hot.sampling.temperature = -1;
  EXPECT_THAT(refused(std::move(hot)), HasSubstr("temperature"));
  EXPECT_THAT(message_of([&] { engine.submit(PipelineId(1), request(0, 1, 1)); }),
              HasSubstr("no pipeline 1"));
  // A limit of its own, stated in the reply.
  EXPECT_EQ(engine.submit(id, request(0, 5, std::nullopt)).limit(), 30);
  engine.submit(id, request(0, 5, 5));
  EXPECT_THAT(refused(request(0, 5, 5)), HasSubstr("2 requests are waiting"));
}

TEST(Engine, TwoPipelinesShareTheTime) {
  double clock = 0;
  EngineOptions options;
  options.clock = [&] { return clock; };
  Engine engine(options);
  auto slow = std::make_shared<CountingPipeline>(&clock);
  auto fast = std::make_shared<CountingPipeline>(&clock);
  slow->cost = 4;
  const PipelineId a = engine.add(slow);
  const PipelineId b = engine.add(fast);
  engine.submit(a, request(0, 5, 70));
  engine.submit(b, request(0, 5, 70));
  for (int i = 0; i < 50; ++i) engine.step();
  EXPECT_NEAR(fast->steps, 4 * slow->steps, 4);
}

TEST(Engine, RunsOnItsOwnThread) {
  Engine engine;
  const PipelineId id = engine.add(std::make_shared<CountingPipeline>());
  engine.start();
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        auto sink = std::make_shared<Recorder>();
        const auto handle = engine.submit(id, request(i, 5 + i, 10, sink));
        if (i % 5 == 4) handle.cancel();
        const Finished finished = handle.wait();
        if (i % 5 != 4) {
          EXPECT_EQ(finished.reason, FinishReason::kLength);
          EXPECT_EQ(sink->tokens.size(), 10U);
        }
        EXPECT_EQ(sink->ends, 1);
      }
    });
  }
  for (std::thread& t : callers) t.join();
  engine.stop();
  EXPECT_EQ(engine.stats().finished, 80U);
  auto sink = std::make_shared<Recorder>();
  {
    Engine short_lived;
    const PipelineId other = short_lived.add(std::make_shared<CountingPipeline>());
    short_lived.submit(other, request(0, 5, 50, sink));
    short_lived.step();
  }
  EXPECT_EQ(sink->finished->reason, FinishReason::kCancelled);
}

}  // namespace
}  // namespace sirocco
