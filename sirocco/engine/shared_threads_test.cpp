// Two models of one engine: how many threads there are, and that sharing them changes nothing.

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"

namespace sirocco {
namespace {

int threads_of_process() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
  ADD_FAILURE();
  return 0;
}

LoadedModel load(const char* name, std::shared_ptr<ThreadGroup> threads) {
  LoadOptions options;
  options.threads = 3;
  options.shared_threads = std::move(threads);
  options.pipeline.context = 128;
  return load_language_model(std::string(SIROCCO_GOLDEN_DIR "/models/") + name, std::move(options));
}

/// What the models say, all driven by one engine at once.
std::vector<std::vector<TokenId>> answers(const std::vector<const LoadedModel*>& models) {
  struct Collector final : TokenSink {
    Verdict on_token(TokenId token) override {
      tokens.push_back(token);
      return Verdict::kContinue;
    }
    void on_finish(const Finished& finished) override {
      EXPECT_EQ(finished.reason, FinishReason::kLength);
    }
    std::vector<TokenId> tokens;
  };
  Engine engine;
  std::vector<std::shared_ptr<Collector>> sinks;
  for (const LoadedModel* model : models) {
    const PipelineId id = engine.add(model->shared_pipeline());
    Request request;
    request.prompt.assign(20, TokenId(7));
    request.sampling.temperature = 0;
    request.max_tokens = 40;
    request.sink = sinks.emplace_back(std::make_shared<Collector>());
    engine.submit(id, std::move(request));
  }
  engine.run();
  std::vector<std::vector<TokenId>> out;
  for (const auto& sink : sinks) out.push_back(sink->tokens);
  return out;
}

TEST(SharedThreads, ServeTwoModelsOfAnEngine) {
  const LoadedModel first = load("llama-gqa.gguf", nullptr);
  const auto alone = answers({&first});
  ASSERT_EQ(alone[0].size(), 40u);
  const int before = threads_of_process();
  const LoadedModel second = load("gemma3.gguf", first.thread_group());
  EXPECT_EQ(second.threads(), 3);
  EXPECT_EQ(threads_of_process(), before);
  const auto together = answers({&first, &second});
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], answers({&second})[0]);
  // A set of its own is three threads, one of which is the caller.
  const LoadedModel third = load("gemma3.gguf", nullptr);
  EXPECT_EQ(threads_of_process(), before + 2);
}

TEST(SharedThreads, OutliveTheModelThatMadeThem) {
  std::optional<LoadedModel> first = load("llama-gqa.gguf", nullptr);
  const LoadedModel second = load("llama-gqa.gguf", first->thread_group());
  const auto expected = answers({&*first});
  first.reset();
  EXPECT_EQ(answers({&second}), expected);
}

}  // namespace
}  // namespace sirocco
