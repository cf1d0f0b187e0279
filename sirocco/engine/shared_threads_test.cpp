// Two models of one engine: how many threads there are, and that sharing them changes nothing.

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

int threads_of_process() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
  ADD_FAILURE();
  return 0;
}

LoadedModel load(Machine& machine, const char* name, int threads = 3) {
  LoadOptions options;
  options.placement.threads = threads;
  options.pipeline.context = 128;
  return load_language_model(machine, made_golden_path("models/") + name, std::move(options));
}

/// What the models say, all driven by one engine at once.
std::vector<std::vector<TokenId>> answers(Machine& machine,
                                          const std::vector<const LoadedModel*>& models) {
  Engine engine(machine);
  std::vector<Request<LanguagePipeline>> requests;
  for (const LoadedModel* model : models) {
    TextJob job;
    job.prompt = std::vector(20, TokenId(7));
    job.sampling.temperature = 0;
    job.max_tokens = 40;
    requests.push_back(engine.submit(engine.add(model->shared_pipeline()), std::move(job)));
  }
  engine.run();
  std::vector<std::vector<TokenId>> out;
  for (const auto& request : requests) {
    EXPECT_EQ(request.finished()->reason, FinishReason::kLength);
    out.emplace_back();
    while (const auto event = request.try_next())
      if (event->token() != nullptr) out.back().push_back(event->token()->token);
  }
  return out;
}

TEST(SharedThreads, ServeTwoModelsOfAMachine) {
  Machine machine;
  const LoadedModel first = load(machine, "llama-gqa.gguf");
  const auto alone = answers(machine, {&first});
  ASSERT_EQ(alone[0].size(), 40u);
  const int before = threads_of_process();
  const LoadedModel second = load(machine, "gemma3.gguf");
  EXPECT_EQ(second.threads(), 3);
  EXPECT_EQ(threads_of_process(), before);
  const auto together = answers(machine, {&first, &second});
  EXPECT_EQ(together[0], alone[0]);
  EXPECT_EQ(together[1], answers(machine, {&second})[0]);
  // Another number of threads is another set, one of which is the caller.
  const LoadedModel third = load(machine, "gemma3.gguf", 2);
  EXPECT_EQ(threads_of_process(), before + 1);
}

// A model is loaded while another one computes: they take turns on the threads, op by op.
TEST(SharedThreads, AModelIsLoadedWhileTheEngineRuns) {
  Machine machine;
  const LoadedModel first = load(machine, "llama-gqa.gguf");
  const auto alone = answers(machine, {&first});
  Engine engine(machine);
  const auto handle = engine.add(first.shared_pipeline());
  engine.start();
  for (int i = 0; i < 3; ++i) {
    TextJob job;
    job.prompt = std::vector(20, TokenId(7));
    job.sampling.temperature = 0;
    job.max_tokens = 40;
    const auto request = engine.submit(handle, std::move(job));
    const LoadedModel second = load(machine, "gemma3.gguf");
    std::vector<TokenId> got;
    while (const auto event = request.next())
      if (event->token() != nullptr) got.push_back(event->token()->token);
    EXPECT_EQ(got, alone[0]);
  }
}

}  // namespace
}  // namespace sirocco
