#include "sirocco/pipeline/language_pipeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/broken_row_testing.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

class Families : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, Families,
                         testing::Values("llama-odd.gguf", "llama-gqa.gguf", "gemma3.gguf",
                                         "gemma3-deep.gguf", "qwen3moe.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         test_name_of);

TEST_P(Families, ChunksCutsThreadsAndBlocksDoNotChangeABit) {
  TinyModel one(GetParam(), 1);
  TinyModel two(GetParam(), 2);
  LanguagePipelineOptions options;
  options.context = 128;
  const auto reference = one.pipeline(options);
  const auto tokens = random_tokens(3, 70, reference->info().vocabulary);
  const auto expected = scores(*reference, tokens);
  for (const float x : expected) ASSERT_TRUE(std::isfinite(x));
  EXPECT_TRUE(same_bits(scores(*reference, tokens, {3, 1, 17, 2}), expected));
  EXPECT_TRUE(same_bits(scores(*reference, tokens, {1}), expected));

  options.block_positions = 16;
  options.blocks.shuffle_seed = 9;
  options.max_step = 19;
  std::vector<LayerIndex> cuts;
  for (int i = 1; i < reference->info().layers; ++i) cuts.emplace_back(i);
  std::uint64_t sent = 0;
  options.hooks.sent = [&](int, std::uint64_t bytes) { sent += bytes; };
  const auto staged = two.pipeline(options, cuts);
  EXPECT_EQ(staged->placement().size(), cuts.size() + 1);
  EXPECT_TRUE(same_bits(scores(*staged, tokens), expected));
  EXPECT_EQ(sent, cuts.size() * tokens.size() * sizeof(float) *
                      static_cast<std::size_t>(reference->info().width));
}

TEST_P(Families, ASequenceDoesNotSeeTheOthersOfItsSteps) {
  TinyModel model(GetParam(), 2);
  LanguagePipelineOptions options;
  options.context = 64;
  options.cache_positions = 200;
  options.max_sequences = 4;
  const auto alone = model.pipeline(options);
  options.blocks.shuffle_seed = 5;
  options.block_positions = 16;
  const auto pipeline = model.pipeline(options);
  const std::int64_t v = pipeline->info().vocabulary;
  std::vector<std::vector<TokenId>> tokens;
  std::vector<std::vector<float>> expected;
  for (const int size : {40, 33, 7, 50}) {
    tokens.push_back(random_tokens(static_cast<std::uint64_t>(size), size, v));
    expected.push_back(scores(*alone, tokens.back()));
  }
  for (std::uint32_t round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    std::mt19937 random(round);
    std::vector<std::vector<float>> got(tokens.size());
    std::vector<std::size_t> done(tokens.size(), 0);
    std::vector<SequenceCache> caches;
    for (const auto& sequence : tokens) {
      auto cache = pipeline->lease(static_cast<std::int32_t>(sequence.size()));
      ASSERT_TRUE(cache);
      caches.push_back(std::move(*cache));
    }
    for (;;) {
      std::vector<TextItem> batch;
      std::vector<std::size_t> of;
      for (std::size_t s = 0; s < tokens.size(); ++s) {
        const auto left = tokens[s].size() - done[s];
        const auto take = std::min(left, static_cast<std::size_t>(random() % 12));
        if (take == 0) continue;
        batch.push_back({SequenceId(s), &caches[s], std::span(tokens[s]).subspan(done[s], take),
                         WantLogits{.all_rows = true}});
        of.push_back(s);
        done[s] += take;
      }
      if (batch.empty()) {
        bool over = true;
        for (std::size_t s = 0; s < tokens.size(); ++s) over &= done[s] == tokens[s].size();
        if (over) break;
        continue;
      }
      const auto outcomes = pipeline->step(batch);
      for (std::size_t i = 0; i < of.size(); ++i) {
        const auto& logits = std::get<StepLogits>(outcomes[i]).values;
        got[of[i]].insert(got[of[i]].end(), logits.begin(), logits.end());
      }
    }
    for (std::size_t s = 0; s < tokens.size(); ++s) ASSERT_TRUE(same_bits(got[s], expected[s]));
  }
}

TEST_P(Families, ForksAndTruncationsKeepTheBits) {
  TinyModel model(GetParam(), 1);
  LanguagePipelineOptions options;
  options.context = 96;
  options.cache_positions = 288;
  options.block_positions = 16;
  options.max_step = 40;
  const auto pipeline = model.pipeline(options);
  const auto tokens = random_tokens(1, 60, pipeline->info().vocabulary);
  const auto other = random_tokens(2, 60, pipeline->info().vocabulary);
  auto mixed = tokens;
  std::copy(other.begin() + 37, other.end(), mixed.begin() + 37);
  const auto last = [&](SequenceCache& cache, std::span<const TokenId> part) {
    return std::get<StepLogits>(pipeline->step({{SequenceId(), &cache, part, WantLogits{}}})[0])
        .values;
  };
  const auto tail_of = [&](const std::vector<float>& all) {
    return std::span(all).last(static_cast<std::size_t>(pipeline->info().vocabulary));
  };
  const auto expected = scores(*pipeline, tokens);
  const auto expected_mixed = scores(*pipeline, mixed);
  auto a = pipeline->lease(96);
  ASSERT_TRUE(a);
  last(*a, std::span(tokens).first(37));
  // Two with one past, which then differ, and change in turn.
  auto b = a->fork(96);
  ASSERT_TRUE(b);
  last(*b, std::span(mixed).subspan(37, 4));
  last(*a, std::span(tokens).subspan(37, 4));
  EXPECT_TRUE(same_bits(last(*b, std::span(mixed).subspan(41)), tail_of(expected_mixed)));
  EXPECT_TRUE(same_bits(last(*a, std::span(tokens).subspan(41)), tail_of(expected)));
  const std::int32_t cut = std::max(b->min_length(), 20);
  if (cut > 37) return;  // a window has gone on
  b->truncate(cut);
  EXPECT_EQ(b->length(), cut);
  const auto from = static_cast<std::size_t>(cut);
  last(*b, std::span(tokens).subspan(from, 5));
  EXPECT_TRUE(same_bits(last(*b, std::span(tokens).subspan(from + 5)), tail_of(expected)));
}

// The tokens and their log-probabilities are those of a sequence that found nothing, whatever was
// found, in windows too; and what was found isn't computed.
TEST_P(Families, AHitGivesTheBitsOfAMiss) {
  TinyModel model(GetParam(), 2);
  LanguagePipelineOptions options;
  options.context = 120;
  options.cache_positions = 400;
  options.block_positions = 16;
  options.max_step = 64;
  options.blocks.shuffle_seed = 3;
  const auto pipeline = model.pipeline(options);
  const std::int64_t v = pipeline->info().vocabulary;
  const auto prompt = random_tokens(1, 70, v);
  const auto job = [&](std::size_t shared, std::uint64_t seed, bool finds) {
    TextJob made;
    std::vector<TokenId> tokens(prompt.begin(),
                                prompt.begin() + static_cast<std::ptrdiff_t>(shared));
    for (const TokenId token : random_tokens(seed, 20, v)) tokens.push_back(token);
    made.prompt = std::move(tokens);
    made.sampling.seed = seed;
    made.max_tokens = 5;
    made.alternatives = 0;
    if (!finds) made.prefixes.reset();
    return made;
  };
  std::int64_t found = 0;
  const auto expect_the_same = [&](std::size_t shared, std::uint64_t seed) {
    Usage miss_usage;
    Usage hit_usage;
    const auto miss = run(*pipeline, job(shared, seed, false), 64, &miss_usage);
    const auto hit = run(*pipeline, job(shared, seed, true), 11, &hit_usage);
    EXPECT_EQ(miss_usage.cached, 0);
    found += hit_usage.cached;
    ASSERT_EQ(hit.size(), miss.size());
    for (std::size_t i = 0; i < hit.size(); ++i) {
      EXPECT_EQ(hit[i].token, miss[i].token);
      EXPECT_EQ(hit[i].log_probability, miss[i].log_probability);
      EXPECT_TRUE(std::isfinite(*hit[i].log_probability));
    }
  };
  expect_the_same(70, 5);
  expect_the_same(70, 5);
  expect_the_same(70, 6);
  expect_the_same(33, 6);
  EXPECT_GE(found, 80 + 64 + 32);
  // Another owner finds nothing.
  TextJob foreign = job(70, 5, true);
  foreign.prefixes = PrefixKey{.owner = 7};
  Usage usage;
  run(*pipeline, std::move(foreign), 64, &usage);
  EXPECT_EQ(usage.cached, 0);
}

TEST(LanguagePipeline, AConversationComputesItsNewTokensOnly) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 400;
  options.block_positions = 16;
  const auto pipeline = model.pipeline(options);
  std::vector<TokenId> conversation;
  for (std::uint64_t turn = 0; turn < 8; ++turn) {
    for (const TokenId token : random_tokens(turn, 20, pipeline->info().vocabulary))
      conversation.push_back(token);
    TextJob job;
    job.prompt = conversation;
    job.max_tokens = 20;
    Usage usage;
    for (const ChosenToken& event : run(*pipeline, std::move(job), 64, &usage))
      conversation.push_back(event.token);
    // All but the last block of what was there, whose last token no row has read.
    if (turn > 0) {
      EXPECT_GE(usage.cached, usage.prompt - 20 - 16 - 1);
    }
  }
  EXPECT_EQ(pipeline->cache().prefix_stats().hits, 7);
}

TEST(LanguagePipeline, LogProbabilitiesAreTheModelsOwn) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 64;
  const auto pipeline = model.pipeline(options);
  std::vector<TokenId> tokens = random_tokens(4, 9, pipeline->info().vocabulary);
  TextJob job;
  job.prompt = tokens;
  job.max_tokens = 5;
  job.alternatives = 0;
  job.sampling.temperature = 0.3f;
  job.sampling.top_k = 2;
  job.sampling.logit_bias = {{TokenId(3), 8.0f}};
  const auto events = run(*pipeline, std::move(job), 64);
  for (const ChosenToken& event : events) tokens.push_back(event.token);
  const auto all = scores(*pipeline, tokens);
  const auto v = static_cast<std::size_t>(pipeline->info().vocabulary);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto row = std::span(all).subspan((8 + i) * v, v);
    double sum = 0;
    for (const float logit : row) sum += std::exp(double{logit});
    const double expected = row[static_cast<std::size_t>(events[i].token.value())] - std::log(sum);
    EXPECT_NEAR(*events[i].log_probability, expected, 1e-5);
  }
}

TEST(LanguagePipeline, AnAnswerEndsForItsReasons) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 24;
  options.default_max_tokens = 6;
  const auto pipeline = model.pipeline(options);
  const auto ending = [&](int prompt, std::optional<std::int64_t> limit, bool ends) {
    TextJob job;
    job.prompt = random_tokens(4, prompt, pipeline->info().vocabulary);
    job.max_tokens = limit;
    job.sampling.temperature = 0;
    if (ends)
      for (int id = 0; id < pipeline->info().vocabulary; ++id) job.end_tokens.emplace_back(id);
    CheckedTextJob checked = LanguagePipeline::check(*pipeline->limits(), std::move(job));
    std::optional<TextWork> work = pipeline->begin(checked);
    while (!work->ending()) {
      const Share<TextWork> share{&*work, work->demand().rows};
      pipeline->wait(pipeline->submit(std::span(&share, 1)));
      (void)work->next_event();
    }
    return std::pair(work->ending()->reason, work->usage().generated);
  };
  using Pair = std::pair<FinishReason, std::int64_t>;
  EXPECT_EQ(ending(10, 3, false), Pair(FinishReason::kLength, 3));
  EXPECT_EQ(ending(10, std::nullopt, false), Pair(FinishReason::kLength, 6));
  EXPECT_EQ(ending(22, std::nullopt, false), Pair(FinishReason::kContextFull, 3));
  EXPECT_EQ(ending(24, std::nullopt, false), Pair(FinishReason::kContextFull, 1));
  EXPECT_EQ(ending(10, 3, true), Pair(FinishReason::kStop, 0));
}

TEST(LanguagePipeline, NotANumberFailsItsOwnSequenceOnly) {
  TinyModel whole("llama-odd.gguf", 1);
  TinyModel broken(
      formats_testing::with_broken_row(kModels / "llama-odd.gguf", "token_embd.weight", 5), 1);
  LanguagePipelineOptions options;
  options.context = 64;
  options.cache_positions = 192;
  options.max_sequences = 3;
  const auto expected = whole.pipeline(options);
  std::vector<SequenceId> told;
  options.hooks.token = [&](SequenceId id, TokenId) { told.push_back(id); };
  const auto pipeline = broken.pipeline(options);
  const std::int64_t v = pipeline->info().vocabulary;

  SamplingParams greedy;
  greedy.temperature = 0;
  const Sampler sampler(greedy, v);
  for (int id = 0; id < v; ++id) greedy.rules.suppressed.emplace_back(id);
  const Sampler mute(greedy, v);
  const std::vector<TokenId> sound = {TokenId(1), TokenId(2), TokenId(3)};
  const std::vector<TokenId> struck = {TokenId(1), TokenId(5), TokenId(3)};
  auto a = pipeline->lease(10);
  auto b = pipeline->lease(10);
  auto c = pipeline->lease(10);
  auto e = expected->lease(10);
  const auto outcomes = pipeline->step({{SequenceId(1), &*a, struck, WantToken{&sampler, struck}},
                                        {SequenceId(2), &*b, sound, WantToken{&sampler, sound}},
                                        {SequenceId(3), &*c, sound, WantToken{&mute, sound}}});
  EXPECT_EQ(std::get<StepFault>(outcomes[0]), StepFault::kScoresNotFinite);
  EXPECT_EQ(std::get<ChosenToken>(outcomes[1]).token,
            std::get<ChosenToken>(
                expected->step({{SequenceId(1), &*e, sound, WantToken{&sampler, sound}}})[0])
                .token);
  EXPECT_EQ(std::get<StepFault>(outcomes[2]), StepFault::kNothingAllowed);
  EXPECT_EQ(told, std::vector<SequenceId>{SequenceId(2)});
  // Outcomes lend their memory on, but no faults.
  const auto next = pipeline->step({{SequenceId(2), &*b, struck, NoOutput{}}});
  EXPECT_TRUE(std::holds_alternative<NothingWanted>(next[0]));

  TextJob job;
  job.prompt = struck;
  CheckedTextJob checked = LanguagePipeline::check(*pipeline->limits(), job);
  std::optional<TextWork> work = pipeline->begin(checked);
  const Share<TextWork> share{&*work, 3};
  pipeline->wait(pipeline->submit(std::span(&share, 1)));
  EXPECT_EQ(work->ending()->reason, FinishReason::kFailed);
  EXPECT_EQ(work->ending()->error, ErrorKind::kNotANumber);
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

TEST(LanguagePipeline, RefusesWhatIsNotRight) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 64;
  options.max_step = 16;
  options.max_sequences = 1;
  const auto pipeline = model.pipeline(options);
  const std::vector<TokenId> tokens(20, TokenId(1));
  const std::vector<TokenId> foreign = {TokenId(1 << 20)};
  EXPECT_THROW(pipeline->lease(65), InvalidArgument);
  EXPECT_THROW(pipeline->lease(0), InvalidArgument);
  std::optional cache = pipeline->lease(18);
  const auto step = [&](std::span<const TokenId> part) {
    return pipeline->step({{SequenceId(), &*cache, part, NoOutput{}}});
  };
  EXPECT_THROW(step(tokens), InvalidArgument);
  EXPECT_THROW(step(foreign), InvalidArgument);
  EXPECT_THROW(step({}), InvalidArgument);
  EXPECT_THROW(pipeline->step({}), InvalidArgument);
  EXPECT_EQ(cache->length(), 0);
  step(std::span(tokens).first(16));
  EXPECT_THROW(step(std::span(tokens).first(3)), InvalidArgument);
  step(std::span(tokens).first(1));
  cache.reset();
  EXPECT_THROW(scores(*pipeline, tokens, {17}), InvalidArgument);
  EXPECT_THROW(scores(*pipeline, std::vector<TokenId>()), InvalidArgument);
  EXPECT_THROW(model.pipeline(options, {LayerIndex(0)}), InvalidArgument);
  EXPECT_THROW(model.pipeline(options, {LayerIndex(1000)}), InvalidArgument);

  const auto refused = [&](std::vector<TokenId> prompt, std::optional<std::int64_t> limit) {
    TextJob job;
    job.prompt = std::move(prompt);
    job.max_tokens = limit;
    return message_of([&] { (void)LanguagePipeline::check(*pipeline->limits(), std::move(job)); });
  };
  using testing::HasSubstr;
  EXPECT_THAT(refused({}, 1), HasSubstr("no tokens"));
  EXPECT_THAT(refused(foreign, 1), HasSubstr("no token 1048576"));
  EXPECT_THAT(refused(std::vector<TokenId>(65), 1), HasSubstr("65 tokens"));
  EXPECT_THAT(refused(std::vector<TokenId>(60), 6), HasSubstr("5 would"));
  EXPECT_THAT(refused(tokens, 0), HasSubstr("max_tokens is 0"));
  EXPECT_EQ(refused(std::vector<TokenId>(60), 5), "accepted");
  TextJob hot;
  hot.prompt = tokens;
  hot.sampling.temperature = -1;
  EXPECT_THAT(message_of([&] { (void)LanguagePipeline::check(*pipeline->limits(), hot); }),
              HasSubstr("temperature"));
  // One more than there can be at a time waits.
  TextJob job;
  job.prompt = tokens;
  job.max_tokens = 3;
  CheckedTextJob first = LanguagePipeline::check(*pipeline->limits(), job);
  CheckedTextJob second = LanguagePipeline::check(*pipeline->limits(), job);
  std::optional<TextWork> running = pipeline->begin(first);
  ASSERT_TRUE(running);
  EXPECT_FALSE(pipeline->begin(second));
  running.reset();
  EXPECT_TRUE(pipeline->begin(second));
}

TEST(LanguagePipeline, ContextFollowsTheBudget) {
  TinyModel model("llama-gqa.gguf", 1);
  ByteLedger& ledger = model.ledger();
  LanguagePipelineOptions options;
  options.max_sequences = 1;
  const auto whole = model.pipeline(options);
  EXPECT_EQ(whole->limits()->max_context, whole->info().context_length);
  EXPECT_EQ(ledger.in_use(), whole->cache().bytes());
  options.cache_budget = whole->cache().bytes() / 2;
  const auto half = model.pipeline(options);
  EXPECT_LT(half->limits()->max_context, whole->limits()->max_context);
  EXPECT_GT(half->limits()->max_context, 0);
  EXPECT_LE(half->cache().bytes(), options.cache_budget);
}

}  // namespace
}  // namespace sirocco
