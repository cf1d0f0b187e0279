// Prompts whose rows see each other, through an engine that runs others beside them.

#include <gtest/gtest.h>

#include <string>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/load.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

constexpr std::int32_t kStep = 64;

TextJob job_of(Prompt prompt, std::int64_t max_tokens) {
  TextJob job;
  job.prompt = std::move(prompt);
  job.sampling.temperature = 0;
  job.max_tokens = max_tokens;
  job.prefixes.reset();
  return job;
}

/// Text, rows that see each other, and text.
Prompt prompt_of(std::int32_t seed, std::int32_t before, std::int32_t mutual) {
  const auto tokens = [&](std::int32_t count, std::int32_t factor) {
    std::vector<TokenId> out;
    for (std::int32_t i = 0; i < count; ++i) out.emplace_back((seed + i * factor) % 50);
    return out;
  };
  return Prompt({tokens(before, 3), tokens(mutual, 7), tokens(9, 5)},
                {.mutual = {{Position(before), Position(before + mutual)}}});
}

TEST(MutualRows, AreNotCutWhateverElseRuns) {
  Machine machine;
  LoadOptions options;
  options.placement.threads = 1;
  options.pipeline.context = 160;
  options.pipeline.cache_positions = 1000;
  options.pipeline.max_sequences = 6;
  options.pipeline.max_step = kStep;
  const LoadedModel model =
      load_language_model(machine, made_golden_path("models/llama-gqa.gguf"), std::move(options));
  // The last fills a step, so that nothing else has room in it.
  const std::vector<TextJob> jobs = {
      job_of(std::vector(20, TokenId(7)), 60), job_of(prompt_of(1, 30, 40), 8),
      job_of(std::vector(90, TokenId(3)), 20), job_of(prompt_of(2, 61, 50), 8),
      job_of(prompt_of(3, 5, kStep), 8)};
  const auto answers = [&](std::span<const TextJob> together) {
    Engine engine(machine);
    const auto pipeline = engine.add(model.shared_pipeline());
    std::vector<Request<LanguagePipeline>> requests;
    for (const TextJob& job : together) requests.push_back(engine.submit(pipeline, job));
    engine.run();
    std::vector<std::vector<TokenId>> out;
    for (const auto& request : requests) {
      EXPECT_EQ(request.finished()->reason, FinishReason::kLength);
      EXPECT_EQ(request.finished()->message, "");
      out.emplace_back();
      while (const auto event = request.try_next())
        if (event->token() != nullptr) out.back().push_back(event->token()->token);
    }
    return out;
  };
  const auto together = answers(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(std::ssize(together[i]), *jobs[i].max_tokens);
    EXPECT_EQ(together[i], answers(std::span(jobs).subspan(i, 1)).at(0)) << i;
  }
}

}  // namespace
}  // namespace sirocco
