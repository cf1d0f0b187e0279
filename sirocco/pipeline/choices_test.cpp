// Several answers to one prompt, made beside one another.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;
using testing::HasSubstr;

TextJob job_of(const std::vector<TokenId>& prompt, std::int32_t choices) {
  TextJob job;
  job.prompt = prompt;
  job.sampling.temperature = 3;
  job.sampling.seed = 5;
  job.max_tokens = 25;
  job.choices = choices;
  job.alternatives = 2;
  return job;
}

/// The same tokens, made of logits and nothing else.
std::vector<TokenId> by_hand(LanguagePipeline& pipeline, const std::vector<TokenId>& prompt,
                             const TextJob& job, std::uint32_t choice) {
  const Sampler sampler(job.sampling, pipeline.info().vocabulary,
                        {std::ssize(prompt), *job.max_tokens, {}});
  auto cache = pipeline.lease(static_cast<std::int32_t>(std::ssize(prompt) + *job.max_tokens));
  std::vector<TokenId> all = prompt;
  std::span<const TokenId> unread = prompt;
  for (std::int64_t i = 0; i < *job.max_tokens; ++i) {
    const TextItem item{SequenceId(1), &*cache, unread, WantToken{&sampler, all, choice}};
    all.push_back(std::get<ChosenToken>(pipeline.step({item})[0]).token);
    unread = std::span(all).last(1);
  }
  return {all.begin() + std::ssize(prompt), all.end()};
}

class Choices : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, Choices,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         test_name_of);

TEST_P(Choices, AreWhatEachWouldBeAlone) {
  TinyModel model(GetParam(), 1);
  const auto pipeline = model.pipeline(small_blocks());
  for (const int length : {1, 16, 53}) {
    const auto prompt = random_tokens(9, length, pipeline->info().vocabulary);
    for (const std::int64_t chunk : {std::int64_t{7}, std::int64_t{64}}) {
      Usage usage;
      const auto choices = run_choices(*pipeline, job_of(prompt, 4), chunk, &usage);
      EXPECT_EQ(usage.prompt, length);
      EXPECT_EQ(usage.generated, 100);
      for (std::uint32_t choice = 0; choice < 4; ++choice) {
        std::vector<TokenId> tokens;
        for (const ChosenToken& token : choices[choice]) {
          tokens.push_back(token.token);
          EXPECT_EQ(token.likeliest.size(), 2U);
        }
        EXPECT_EQ(tokens, by_hand(*pipeline, prompt, job_of(prompt, 4), choice));
      }
      EXPECT_NE(choices[0].front().token, choices[1].front().token);
    }
  }
  EXPECT_EQ(pipeline->cache_status().held, 0);
}

TEST(Choices, ShareThePromptsBlocks) {
  TinyModel model("llama-gqa.gguf", 1);
  const auto pipeline = model.pipeline(small_blocks());
  const auto prompt = random_tokens(9, 100, pipeline->info().vocabulary);
  // 100 + 25 positions are 8 blocks, of which 6 are the prompt's own: 8 + 3 * 2 of the 25 or so
  // that four sequences apart would overrun.
  CheckedTextJob checked = LanguagePipeline::check(*pipeline->limits(), job_of(prompt, 4));
  auto work = pipeline->begin(checked);
  ASSERT_TRUE(work);
  const std::int64_t total = pipeline->cache_status().blocks;
  EXPECT_EQ(pipeline->cache_status().available, total - 14);
  while (!work->ending()) {
    const Share<TextWork> share{&*work, std::min<std::int64_t>(work->demand().rows, 64)};
    pipeline->wait(pipeline->submit(std::span(&share, 1)));
    while (work->next_event()) {
    }
    EXPECT_LE(pipeline->cache_status().held, 14);
  }
  work.reset();
  EXPECT_EQ(pipeline->cache_status().available, total);
}

TEST(Choices, AreRefusedWhenTheyCanNeverFit) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options = small_blocks();
  options.max_sequences = 12;
  const auto pipeline = model.pipeline(options);
  const auto message = [&](int length, std::int32_t choices, std::optional<std::int32_t> more = 0) {
    TextJob job = job_of(random_tokens(9, length, pipeline->info().vocabulary), choices);
    job.alternatives = more;
    try {
      LanguagePipeline::check(*pipeline->limits(), std::move(job));
      return std::string("accepted");
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_EQ(message(10, 1), "accepted");
  EXPECT_THAT(message(10, 0), HasSubstr("n is 0; it must be 1 to 12"));
  EXPECT_THAT(message(10, 13), HasSubstr("n is 13"));
  // 36 blocks: with a prompt of 7 full blocks each takes 2 more, of 6 and a part 3.
  EXPECT_EQ(message(112, 12), "accepted");
  EXPECT_THAT(message(128, 12, 200), HasSubstr("200 alternatives"));
  TextJob long_one = job_of(random_tokens(9, 20, pipeline->info().vocabulary), 12);
  long_one.max_tokens = 100;
  EXPECT_THROW(LanguagePipeline::check(*pipeline->limits(), std::move(long_one)),
               ResourceExhausted);
}

TEST(Choices, AreCancelledOneByOne) {
  TinyModel model("llama-gqa.gguf", 1);
  const auto pipeline = model.pipeline(small_blocks());
  const auto prompt = random_tokens(9, 40, pipeline->info().vocabulary);
  // Each choice at each step: also before the prompt was read, where the first one is the others'.
  for (const std::uint64_t early : {0U, 1U, 5U}) {
    for (int at = 1; at < 12; at += 5) {
      TextJob job = job_of(prompt, 3);
      job.prefixes.reset();  // so that each reads its prompt
      CheckedTextJob checked = LanguagePipeline::check(*pipeline->limits(), std::move(job));
      auto work = pipeline->begin(checked);
      work->cancel_choices(early);
      std::array<ChosenTokens, 3> tokens;
      for (int step = 0; !work->ending(); ++step) {
        if (step == at) work->cancel_choices(early | 2U);
        if (work->ending()) break;
        const Share<TextWork> share{&*work, std::min<std::int64_t>(work->demand().rows, 16)};
        pipeline->wait(pipeline->submit(std::span(&share, 1)));
        while (auto event = work->next_event())
          if (event->token() != nullptr) tokens.at(event->choice).push_back(*event->token());
      }
      for (std::uint32_t choice = 0; choice < 3; ++choice) {
        const bool was_early = (early >> choice & 1) != 0;
        // Three steps read the prompt, and the last of them brings the first tokens.
        const std::size_t expected = was_early ? 0 : choice == 1 ? std::max(at - 2, 0) : 25;
        ASSERT_EQ(tokens.at(choice).size(), expected) << early << " " << at << " " << choice;
        const auto alone = by_hand(*pipeline, prompt, job_of(prompt, 3), choice);
        for (std::size_t i = 0; i < expected; ++i) EXPECT_EQ(tokens.at(choice)[i].token, alone[i]);
      }
    }
  }
  CheckedTextJob checked = LanguagePipeline::check(*pipeline->limits(), job_of(prompt, 2));
  auto work = pipeline->begin(checked);
  work->cancel_choices(3);
  EXPECT_EQ(work->ending()->reason, FinishReason::kCancelled);
  work.reset();
  EXPECT_EQ(pipeline->cache_status().held, 0);
}

}  // namespace
}  // namespace sirocco
