// Log-probabilities of a prompt's own tokens.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;
using testing::HasSubstr;

TextJob job_of(const std::vector<TokenId>& prompt) {
  TextJob job;
  job.prompt = prompt;
  job.sampling.temperature = 0;
  job.max_tokens = 3;
  job.prompt_alternatives = 2;
  return job;
}

struct Taken {
  std::vector<TextEvent> events;
  Usage usage;
  std::optional<Ending> ending;

  const std::vector<ChosenToken>& scores() const {
    return std::get<PromptScores>(events.at(0).what).tokens;
  }
};
Taken run_alone(LanguagePipeline& pipeline, TextJob job, std::int64_t chunk) {
  CheckedTextJob checked = LanguagePipeline::check(*pipeline.limits(), std::move(job));
  auto work = pipeline.begin(checked);
  Taken out;
  while (!work->ending()) {
    const Share<TextWork> share{&*work, std::min(work->demand().rows, chunk)};
    pipeline.wait(pipeline.submit(std::span(&share, 1)));
    while (auto event = work->next_event()) out.events.push_back(std::move(*event));
  }
  out.usage = work->usage();
  out.ending = work->ending();
  return out;
}

/// The same of the logits that the model shows.
std::vector<ChosenToken> by_hand(LanguagePipeline& pipeline, std::span<const TokenId> prompt) {
  std::vector<ChosenToken> out;
  SamplerScratch scratch;
  pipeline.score(TextRows(prompt), {}, [&](std::int64_t row, std::span<const float> logits) {
    if (row + 1 == std::ssize(prompt)) return;
    ChosenToken& token = out.emplace_back(prompt[static_cast<std::size_t>(row) + 1]);
    token.log_probability = log_probability(logits, token.token, scratch);
    token.likeliest = likeliest(logits, 2, scratch);
  });
  return out;
}

void expect_equal(std::span<const ChosenToken> a, std::span<const ChosenToken> b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token, b[i].token);
    EXPECT_EQ(a[i].log_probability, b[i].log_probability);
    ASSERT_EQ(a[i].likeliest.size(), b[i].likeliest.size());
    for (std::size_t j = 0; j < a[i].likeliest.size(); ++j) {
      EXPECT_EQ(a[i].likeliest[j].token, b[i].likeliest[j].token);
      EXPECT_EQ(a[i].likeliest[j].log_probability, b[i].likeliest[j].log_probability);
    }
  }
}

class PromptScoresOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, PromptScoresOf,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         test_name_of);

TEST_P(PromptScoresOf, AreThoseOfTheLogits) {
  TinyModel model(GetParam(), 1);
  const auto pipeline = model.pipeline(small_blocks());
  for (const int length : {1, 2, 16, 53}) {
    const auto prompt = random_tokens(9, length, pipeline->info().vocabulary);
    const auto expected = by_hand(*pipeline, prompt);
    for (const std::int64_t chunk : {1, 7, 64}) {
      // Twice: a prefix that was left behind isn't used.
      for (int round = 0; round < 2; ++round) {
        const Taken taken = run_alone(*pipeline, job_of(prompt), chunk);
        expect_equal(taken.scores(), expected);
        EXPECT_EQ(taken.usage.cached, 0);
        EXPECT_EQ(taken.usage.generated, 3);
        EXPECT_EQ(taken.events.size(), 5U);  // three tokens and an end
        TextJob plain = job_of(prompt);
        plain.prompt_alternatives.reset();
        const Taken without = run_alone(*pipeline, std::move(plain), chunk);
        for (std::size_t i = 0; i < 3; ++i)
          EXPECT_EQ(taken.events[i + 1].token()->token, without.events[i].token()->token);
      }
    }
  }
}

TEST_P(PromptScoresOf, CanBeAllThatIsWanted) {
  TinyModel model(GetParam(), 1);
  const auto pipeline = model.pipeline(small_blocks());
  // As long as the context: no room is kept for what isn't generated.
  for (const int length : {1, 40, 160}) {
    const auto prompt = random_tokens(9, length, pipeline->info().vocabulary);
    TextJob job = job_of(prompt);
    job.max_tokens = 0;
    job.choices = 2;
    const Taken taken = run_alone(*pipeline, std::move(job), 33);
    expect_equal(taken.scores(), by_hand(*pipeline, prompt));
    EXPECT_EQ(taken.usage.generated, 0);
    ASSERT_EQ(taken.events.size(), 3U);
    for (std::uint32_t choice = 0; choice < 2; ++choice) {
      EXPECT_EQ(taken.events[choice + 1].choice, choice);
      EXPECT_EQ(std::get<FinishReason>(taken.events[choice + 1].what), FinishReason::kLength);
    }
    EXPECT_EQ(taken.ending->reason, FinishReason::kLength);
  }
  EXPECT_EQ(pipeline->cache_status().held, 0);
}

TEST(PromptScores, ComeOnceBeforeAllChoices) {
  TinyModel model("llama-gqa.gguf", 1);
  const auto pipeline = model.pipeline(small_blocks());
  TextJob job = job_of(random_tokens(9, 40, pipeline->info().vocabulary));
  job.choices = 3;
  job.sampling.temperature = 2;
  const Taken taken = run_alone(*pipeline, std::move(job), 16);
  EXPECT_EQ(taken.scores().size(), 39U);
  EXPECT_EQ(taken.events.size(), 13U);
  for (std::size_t i = 1; i < taken.events.size(); ++i)
    EXPECT_FALSE(std::holds_alternative<PromptScores>(taken.events[i].what));
}

TEST(PromptScores, AskForFewRowsWhereTheVocabularyIsLarge) {
  PipelineLimits limits;
  limits.vocabulary = 262144;
  limits.max_context = limits.max_cached_positions = 4096;
  limits.max_step = 512;
  limits.max_sequences = 4;
  TinyModel model("llama-gqa.gguf", 1);
  const auto pipeline = model.pipeline(small_blocks());
  CheckedTextJob job =
      LanguagePipeline::check(limits, job_of(random_tokens(9, 100, pipeline->info().vocabulary)));
  const auto work = pipeline->begin(job);
  EXPECT_EQ(work->demand().rows, 16);
}

TEST(PromptScores, AreRefusedWhereTheyCanNotBe) {
  TinyModel model("llama-gqa.gguf", 1);
  const auto pipeline = model.pipeline(small_blocks());
  const auto message = [&](auto change) {
    TextJob job = job_of(random_tokens(9, 10, pipeline->info().vocabulary));
    change(job);
    try {
      LanguagePipeline::check(*pipeline->limits(), std::move(job));
      return std::string("accepted");
    } catch (const InvalidArgument& e) {
      return std::string(e.what());
    }
  };
  EXPECT_THAT(message([](TextJob& job) { job.prompt_alternatives = 129; }),
              HasSubstr("129 alternatives"));
  EXPECT_THAT(message([](TextJob& job) { job.max_tokens = -1; }), HasSubstr("at least 0"));
  EXPECT_THAT(message([](TextJob& job) {
                job.max_tokens = 0;
                job.prompt_alternatives.reset();
              }),
              HasSubstr("at least 1"));
  EXPECT_THAT(message([&](TextJob& job) {
                const std::int64_t width = pipeline->info().width;
                job.prompt = Prompt({std::make_shared<const EmbeddedRows>(
                    width, std::vector<float>(static_cast<std::size_t>(2 * width), 0.5F))});
              }),
              HasSubstr("embeddings"));
}

}  // namespace
}  // namespace sirocco
