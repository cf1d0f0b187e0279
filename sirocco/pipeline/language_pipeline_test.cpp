#include "sirocco/pipeline/language_pipeline.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/broken_row_testing.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu_backend.hpp"
#include "sirocco/pipeline/random.hpp"

namespace sirocco {
namespace {

const std::filesystem::path kModels = SIROCCO_GOLDEN_DIR "/models";

// A tiny random model, loaded as often as asked for.
class TinyModel {
 public:
  TinyModel(const std::filesystem::path& name, int threads)
      : checkpoint_(open_checkpoint(kModels / name)),
        threads_(threads),
        backend_(make_cpu_backend(Isa::kRef, threads_)) {}

  std::unique_ptr<LanguagePipeline> pipeline(LanguagePipelineOptions options = {},
                                             std::vector<LayerIndex> cuts = {}) {
    options.blocks.poison = true;
    const auto builder = make_model_builder(*checkpoint_.metadata, *checkpoint_.weights, *backend_);
    return make_language_pipeline(*builder, *backend_, std::move(options), cuts);
  }

 private:
  Checkpoint checkpoint_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
};

std::vector<TokenId> random_tokens(std::uint64_t seed, int count, std::int64_t vocabulary) {
  std::vector<TokenId> out;
  for (int i = 0; i < count; ++i) {
    out.emplace_back(static_cast<std::int32_t>(uniform(seed, static_cast<std::uint64_t>(i), 0) *
                                               static_cast<double>(vocabulary)));
  }
  return out;
}

std::vector<float> scores(LanguagePipeline& pipeline, const std::vector<TokenId>& tokens,
                          std::vector<int> chunks = {}) {
  std::vector<float> out;
  pipeline.score(tokens, chunks, [&](std::int64_t row, std::span<const float> logits) {
    EXPECT_EQ(row * std::ssize(logits), std::ssize(out));
    out.insert(out.end(), logits.begin(), logits.end());
  });
  return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class Families : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, Families,
                         testing::Values("llama-odd.gguf", "llama-gqa.gguf", "gemma3.gguf",
                                         "gemma3-deep.gguf", "qwen3moe.gguf", "gpt-oss.gguf",
                                         "deepseek2.gguf"),
                         [](const auto& param) {
                           std::string name = param.param;
                           name.resize(name.find('.'));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

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
  options.largest_step = 19;
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
    for (std::size_t s = 0; s < tokens.size(); ++s) {
      ASSERT_TRUE(pipeline->admit(SequenceId(s + 1), std::ssize(tokens[s])));
    }
    for (;;) {
      StepBatch batch;
      std::vector<std::size_t> of;
      for (std::size_t s = 0; s < tokens.size(); ++s) {
        const auto left = tokens[s].size() - done[s];
        const auto take = std::min(left, static_cast<std::size_t>(random() % 12));
        if (take == 0) continue;
        batch.push_back({SequenceId(s + 1), std::span(tokens[s]).subspan(done[s], take),
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
      const StepResult result = pipeline->step(std::move(batch));
      for (std::size_t i = 0; i < of.size(); ++i) {
        const auto& logits = result.items[i].logits;
        got[of[i]].insert(got[of[i]].end(), logits.begin(), logits.end());
      }
    }
    for (std::size_t s = 0; s < tokens.size(); ++s) {
      pipeline->retire(SequenceId(s + 1));
      ASSERT_TRUE(same_bits(got[s], expected[s]));
    }
  }
}

TEST(LanguagePipeline, ForksAndTruncationsKeepTheBits) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 96;
  options.cache_positions = 288;
  options.block_positions = 16;
  const auto pipeline = model.pipeline(options);
  const auto tokens = random_tokens(1, 60, pipeline->info().vocabulary);
  const auto other = random_tokens(2, 60, pipeline->info().vocabulary);
  auto mixed = tokens;
  std::copy(other.begin() + 37, other.end(), mixed.begin() + 37);
  const auto last = [&](SequenceId id, std::span<const TokenId> part) {
    return pipeline->step({{id, part, WantLogits{}}}).items[0].logits;
  };
  const auto tail_of = [&](const std::vector<float>& all) {
    return std::span(all).last(static_cast<std::size_t>(pipeline->info().vocabulary));
  };
  const auto expected = scores(*pipeline, tokens);
  const auto expected_mixed = scores(*pipeline, mixed);
  const SequenceId a(1);
  const SequenceId b(2);
  ASSERT_TRUE(pipeline->admit(a, 96));
  last(a, std::span(tokens).first(37));
  ASSERT_TRUE(pipeline->fork(a, b, 96));
  EXPECT_TRUE(same_bits(last(b, std::span(mixed).subspan(37)), tail_of(expected_mixed)));
  EXPECT_TRUE(same_bits(last(a, std::span(tokens).subspan(37)), tail_of(expected)));
  pipeline->truncate(b, 20);
  EXPECT_EQ(pipeline->length(b), 20);
  last(b, std::span(tokens).subspan(20, 20));
  EXPECT_TRUE(same_bits(last(b, std::span(tokens).subspan(40)), tail_of(expected)));
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
  for (std::uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(pipeline->admit(SequenceId(id), 10));
  ASSERT_TRUE(expected->admit(SequenceId(1), 10));
  const StepResult& result = pipeline->step({{SequenceId(1), struck, WantToken{&sampler, struck}},
                                             {SequenceId(2), sound, WantToken{&sampler, sound}},
                                             {SequenceId(3), sound, WantToken{&mute, sound}}});
  EXPECT_EQ(result.items[0].fault, StepFault::kScoresNotFinite);
  EXPECT_FALSE(result.items[0].token);
  EXPECT_FALSE(result.items[1].fault);
  EXPECT_EQ(result.items[1].token,
            expected->step({{SequenceId(1), sound, WantToken{&sampler, sound}}}).items[0].token);
  EXPECT_EQ(result.items[2].fault, StepFault::kNothingAllowed);
  EXPECT_EQ(told, std::vector<SequenceId>{SequenceId(2)});
  // Results lend their memory on, but no faults.
  const StepResult& next = pipeline->step({{SequenceId(2), struck, NoOutput{}}});
  EXPECT_FALSE(next.items[0].fault);
}

TEST(LanguagePipeline, RefusesWhatIsNotRight) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 64;
  options.largest_step = 16;
  options.max_sequences = 1;
  const auto pipeline = model.pipeline(options);
  const std::vector<TokenId> tokens(20, TokenId(1));
  const std::vector<TokenId> foreign = {TokenId(1 << 20)};
  const auto step = [&](SequenceId id, std::span<const TokenId> part) {
    return pipeline->step({{id, part, NoOutput{}}});
  };
  EXPECT_THROW(step(SequenceId(1), std::span(tokens).first(1)), InvalidArgument);
  EXPECT_THROW(pipeline->admit(SequenceId(1), 65), InvalidArgument);
  EXPECT_THROW(pipeline->admit(SequenceId(1), 0), InvalidArgument);
  ASSERT_TRUE(pipeline->admit(SequenceId(1), 18));
  EXPECT_FALSE(pipeline->admit(SequenceId(2), 1));
  EXPECT_THROW(step(SequenceId(1), tokens), InvalidArgument);
  EXPECT_THROW(step(SequenceId(1), foreign), InvalidArgument);
  EXPECT_THROW(step(SequenceId(1), {}), InvalidArgument);
  EXPECT_THROW(pipeline->step({}), InvalidArgument);
  EXPECT_THROW(pipeline->step({{SequenceId(1), std::span(tokens).first(1), NoOutput{}},
                               {SequenceId(1), std::span(tokens).first(1), NoOutput{}}}),
               InvalidArgument);
  EXPECT_EQ(pipeline->length(SequenceId(1)), 0);
  step(SequenceId(1), std::span(tokens).first(16));
  EXPECT_THROW(step(SequenceId(1), std::span(tokens).first(3)), InvalidArgument);
  const Ticket ticket = pipeline->submit({{SequenceId(1), std::span(tokens).first(1), NoOutput{}}});
  (void)pipeline->wait(ticket);
  EXPECT_THROW((void)pipeline->wait(ticket), InvalidArgument);
  pipeline->retire(SequenceId(1));
  EXPECT_THROW(scores(*pipeline, tokens, {17}), InvalidArgument);
  EXPECT_THROW(scores(*pipeline, {}), InvalidArgument);
  EXPECT_THROW(model.pipeline(options, {LayerIndex(0)}), InvalidArgument);
  EXPECT_THROW(model.pipeline(options, {LayerIndex(1000)}), InvalidArgument);
}

TEST(LanguagePipeline, ContextFollowsTheBudget) {
  TinyModel model("llama-gqa.gguf", 1);
  ByteLedger ledger(std::uint64_t{1} << 30);
  LanguagePipelineOptions options;
  options.ledger = &ledger;
  options.max_sequences = 1;
  const auto whole = model.pipeline(options);
  EXPECT_EQ(whole->context(), whole->info().context_length);
  EXPECT_EQ(ledger.in_use(), whole->cache().bytes());
  options.cache_budget = whole->cache().bytes() / 2;
  const auto half = model.pipeline(options);
  EXPECT_LT(half->context(), whole->context());
  EXPECT_GT(half->context(), 0);
  EXPECT_LE(half->cache().bytes(), options.cache_budget);
}

}  // namespace
}  // namespace sirocco
