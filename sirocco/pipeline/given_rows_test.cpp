// Jobs whose prompts aren't tokens only: embeddings in place of some, rows that see each other,
// rotary positions of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/models/decoder.hpp"
#include "sirocco/models/llama.hpp"
#include "sirocco/nn/nn_testing.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"

namespace sirocco {
namespace {

using namespace pipeline_testing;

MutualSpan span_of(std::int32_t first, std::int32_t end) {
  return {Position(first), Position(end)};
}

std::shared_ptr<const EmbeddedRows> picture(std::uint64_t number, std::int64_t rows,
                                            std::int64_t width, bool keyed = true) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * width; ++i)
    values.push_back(static_cast<float>(uniform(number, static_cast<std::uint64_t>(i), 3)) - 0.5f);
  return std::make_shared<const EmbeddedRows>(
      width, std::move(values),
      keyed ? std::optional(EmbeddingKey{number, rows == 0 ? 1U : 2U}) : std::nullopt);
}

void expect_same(const ChosenTokens& a, const ChosenTokens& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token, b[i].token) << i;
    EXPECT_EQ(a[i].log_probability, b[i].log_probability) << i;
    EXPECT_TRUE(std::isfinite(*a[i].log_probability));
  }
}

TextJob job_of(Prompt prompt) {
  TextJob job;
  job.prompt = std::move(prompt);
  job.sampling.seed = 5;
  job.max_tokens = 6;
  job.alternatives = 0;
  return job;
}

/// The rows of the token table.
std::shared_ptr<const EmbeddedRows> table_rows(const Checkpoint& checkpoint, std::int64_t width,
                                               std::span<const TokenId> tokens) {
  const auto* table =
      reinterpret_cast<const float*>(checkpoint.weights->find("token_embd.weight")->bytes.data());
  std::vector<float> values;
  for (const TokenId token : tokens)
    values.insert(values.end(), table + token.value() * width, table + (token.value() + 1) * width);
  return std::make_shared<const EmbeddedRows>(width, std::move(values));
}

TEST(GivenRows, AnswersAreThoseToTheTokensThatTheyEqual) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 64;
  const auto pipeline = model.pipeline(options);
  const auto tokens = random_tokens(1, 30, pipeline->info().vocabulary);
  const auto embedded = [&](std::size_t first, std::size_t count) {
    return table_rows(model.checkpoint(), pipeline->info().width,
                      std::span(tokens).subspan(first, count));
  };
  const auto expected = run(*pipeline, job_of(tokens), 64);
  const std::vector<TokenId> begin(tokens.begin(), tokens.begin() + 12);
  const std::vector<TokenId> end(tokens.begin() + 25, tokens.end());
  for (const int chunk : {64, 1, 7}) {
    SCOPED_TRACE(chunk);
    Usage usage;
    expect_same(run(*pipeline, job_of(Prompt({begin, embedded(12, 13), end})), chunk, &usage),
                expected);
    EXPECT_EQ(usage.prompt, 30);
    EXPECT_EQ(usage.generated, 6);
    // Without any token.
    expect_same(run(*pipeline, job_of(Prompt({embedded(0, 12), embedded(12, 18)})), chunk, &usage),
                expected);
    EXPECT_EQ(usage.prompt, 30);
  }
}

TEST(GivenRows, OneStepHasWhatSeesEachOther) {
  TinyModel model("llama-gqa.gguf", 1);
  LanguagePipelineOptions options;
  options.context = 64;
  options.max_step = 16;
  const auto pipeline = model.pipeline(options);
  const std::int64_t width = pipeline->info().width;
  const Prompt prompt({random_tokens(1, 5, 50), picture(1, 16, width), random_tokens(2, 9, 50)},
                      {.mutual = {span_of(5, 21)}});
  const auto expected = scores(*pipeline, prompt, {5, 16});
  EXPECT_TRUE(same_bits(scores(*pipeline, prompt), expected));
  EXPECT_TRUE(same_bits(scores(*pipeline, prompt, {1}), expected));
  const Prompt blind({random_tokens(1, 5, 50), picture(1, 16, width), random_tokens(2, 9, 50)});
  const auto others = scores(*pipeline, blind);
  const auto v = static_cast<std::size_t>(pipeline->info().vocabulary);
  EXPECT_TRUE(same_bits(std::span(others).first(5 * v), std::span(expected).first(5 * v)));
  for (std::size_t row = 5; row < 30; ++row) {
    EXPECT_EQ(
        same_bits(std::span(others).subspan(row * v, v), std::span(expected).subspan(row * v, v)),
        false)
        << row;
  }
  // The work says so to whoever makes up steps; what cuts them all the same does nothing.
  CheckedTextJob job = LanguagePipeline::check(*pipeline->limits(), job_of(prompt));
  EXPECT_EQ(job.terms().prompt_rows, 30);
  std::optional<TextWork> work = pipeline->begin(job);
  ASSERT_EQ(work->demand().indivisible.size(), 1U);
  EXPECT_EQ(work->demand().indivisible[0].first, 5);
  EXPECT_EQ(work->demand().indivisible[0].end, 21);
  const Share<TextWork> share{&*work, 6};
  EXPECT_THROW((void)pipeline->submit(std::span(&share, 1)), InvalidArgument);

  using testing::HasSubstr;
  const auto refused = [&](Prompt wrong) -> std::string {
    try {
      (void)LanguagePipeline::check(*pipeline->limits(), job_of(std::move(wrong)));
    } catch (const InvalidArgument& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refused(Prompt({picture(1, 17, width)}, {.mutual = {span_of(0, 17)}})),
              HasSubstr("prompt: the 17 rows from 0 on see each other"));
  EXPECT_THAT(refused(Prompt({picture(1, 2, width + 1)}, {})),
              HasSubstr("prompt: row 0 is an emb"));
  EXPECT_THAT(refused(Prompt({picture(1, 65, width)}, {})), HasSubstr("65 tokens don't fit"));
  EXPECT_THAT(refused(Prompt({picture(1, 2, width)},
                             {.rotary = RotaryPositions(3, std::vector<std::int32_t>(6))})),
              HasSubstr("rotary positions are of 3 numbers a row; the model takes 1"));
  const auto cache = pipeline->lease(20);
  SequenceCache held = pipeline->lease(20).value();
  EXPECT_THROW(pipeline->step({{SequenceId(), &held, TextRows(prompt).part(5, 3), NoOutput{}}}),
               InvalidArgument);
  EXPECT_EQ(held.length(), 0);

  TinyModel learned("gpt2.gguf", 1);
  options.context = 32;
  const auto without = learned.pipeline(options);
  EXPECT_THROW((void)LanguagePipeline::check(
                   *without->limits(), job_of(Prompt({random_tokens(1, 2, 50)},
                                                     {.rotary = RotaryPositions(1, {0, 1})}))),
               InvalidArgument);
}

class GivenPrefixes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tiny, GivenPrefixes,
                         testing::Values("llama-gqa.gguf", "gemma3.gguf", "deepseek2.gguf"),
                         [](const auto& param) {
                           const std::string name = param.param;
                           return name == "llama-gqa.gguf" ? "llama"
                                                           : name.substr(0, name.find('.'));
                         });

// Also one that ends amid a picture's rows, of which the rest then sees what it would have seen.
TEST_P(GivenPrefixes, AHitGivesTheBitsOfAMiss) {
  TinyModel model(GetParam(), 1);
  LanguagePipelineOptions options;
  options.context = 120;
  options.cache_positions = 400;
  options.block_positions = 16;
  options.max_step = 64;
  options.blocks.shuffle_seed = 3;
  const auto pipeline = model.pipeline(options);
  const std::int64_t v = pipeline->info().vocabulary;
  const auto job = [&](std::uint64_t shown, std::uint64_t question, int size, bool mutual = true,
                       bool keyed = true) {
    PromptLayout layout;
    if (mutual) layout.mutual = {span_of(11, 51)};
    // Those who see the picture are put behind it as if it were one row.
    std::vector<std::int32_t> numbers;
    for (std::int32_t i = 0; i < 51 + size; ++i)
      numbers.push_back(i < 11 ? i : std::max(11, i - 39));
    layout.rotary.emplace(1, std::move(numbers));
    return job_of(
        Prompt({random_tokens(1, 11, v), picture(shown, 40, pipeline->info().width, keyed),
                random_tokens(question, size, v)},
               std::move(layout)));
  };
  const auto cached = [&](const TextJob& asked) {
    TextJob alone = asked;
    alone.prefixes.reset();
    Usage miss_usage;
    Usage hit_usage;
    const auto miss = run(*pipeline, std::move(alone), 64, &miss_usage);
    expect_same(run(*pipeline, asked, 9, &hit_usage), miss);
    EXPECT_EQ(miss_usage.cached, 0);
    return hit_usage.cached;
  };
  EXPECT_EQ(cached(job(1, 7, 20)), 0);
  EXPECT_EQ(cached(job(1, 7, 20)), 64);
  EXPECT_EQ(cached(job(1, 8, 20)), 48);
  EXPECT_EQ(cached(job(1, 8, 3)), 48);
  EXPECT_EQ(cached(job(2, 7, 20)), 0);
  EXPECT_EQ(cached(job(1, 7, 20, false)), 0);
  EXPECT_EQ(cached(job(1, 7, 20, true, false)), 0);
  EXPECT_EQ(cached(job(1, 7, 20, true, false)), 0);
}

/// Two layers with rotary sections of three axes.
class ThreeAxes {
 public:
  ThreeAxes() {
    using namespace nn_testing;
    Random random(5);
    const AttentionConfig config{.heads = 4, .kv_heads = 2, .head_dim = 16};
    const auto rotary = std::make_shared<const Rotary>(
        Rotary(rotary_frequencies(16, 100.0))
            .with_sections(std::vector{3, 3, 2}, SectionOrder::kInARow));
    const auto ones = [] { return RmsNorm(WeightVector(std::vector<float>(kWidth, 1.0f)), 1e-5f); };
    const auto linear = [&](std::int64_t outputs, std::int64_t inputs) {
      return linear_of(*backend_, random_floats(random, outputs * inputs, 0.2f), inputs);
    };
    LayerSchedule<LlamaBlock> layers(LayerIndex(0));
    for (int layer = 0; layer < 2; ++layer) {
      CausalAttention attention = CausalAttention(config, linear(64, kWidth), linear(32, kWidth),
                                                  linear(32, kWidth), linear(kWidth, 64))
                                      .with_rotary(rotary)
                                      .with_paged_attn({});
      layers.push_back(LlamaBlock(
          {ones(), ones()}, std::move(attention),
          Mlp(GateActivation::kSilu, linear(40, kWidth), linear(40, kWidth), linear(kWidth, 40))));
    }
    const std::vector<float> table = random_floats(random, kVocabulary * kWidth);
    const auto packed = backend_->pack({"table",
                                        find_format(FormatId::kF32),
                                        {kVocabulary, kWidth},
                                        std::as_bytes(std::span(table))});
    Whole whole(AnyEmbed(std::make_shared<const TokenEmbedding>(packed)),
                AnyBlocks(std::make_shared<const LayerStack<RmsNorm, LlamaBlock>>(std::move(layers),
                                                                                  ones())),
                AnyLmHead(std::make_shared<const VocabularyHead>(Linear(packed))));
    ModelInfo info;
    info.layers = 2;
    info.width = kWidth;
    info.vocabulary = kVocabulary;
    info.context_length = 128;
    info.rotary_axes = 3;
    LanguagePipelineOptions options;
    options.block_positions = 16;
    options.cache_positions = 512;
    pipeline_ = std::make_unique<LanguagePipeline>(
        info, TextStages(PlacedStage<Whole>(Stage<Whole>(std::move(whole)), {*backend_, ledger_})),
        std::move(options));
  }
  LanguagePipeline& operator*() { return *pipeline_; }

  static constexpr std::int64_t kVocabulary = 37;

 private:
  kernels_testing::TestBackend backend_{Isa::kRef};
  ByteLedger ledger_{UINT64_MAX};
  std::unique_ptr<LanguagePipeline> pipeline_;
};

TEST(RotaryAxes, PlaceRowsApartFromTheirSlots) {
  ThreeAxes model;
  const auto text = random_tokens(1, 24, ThreeAxes::kVocabulary);
  const auto shown = picture(1, 12, nn_testing::kWidth);
  const auto question = random_tokens(2, 18, ThreeAxes::kVocabulary);
  const auto prompt_of = [&](std::vector<std::int32_t> numbers) {
    return Prompt({text, shown, question}, {.rotary = RotaryPositions(3, std::move(numbers))});
  };
  std::vector<std::int32_t> plain;
  std::vector<std::int32_t> grid;  // the picture's rows by time, height and width: 3 by 4
  for (std::int32_t row = 0; row < 54; ++row) {
    plain.insert(plain.end(), 3, row);
    const std::int32_t in = row - 24;
    if (in >= 0 && in < 12)
      grid.insert(grid.end(), {24, 24 + in / 4, 24 + in % 4});
    else
      grid.insert(grid.end(), 3, in < 0 ? row : row - 12 + 4);
  }
  const auto v = static_cast<std::size_t>(ThreeAxes::kVocabulary);
  EXPECT_TRUE(
      same_bits(scores(*model, prompt_of(plain)), scores(*model, Prompt({text, shown, question}))));
  const Prompt prompt = prompt_of(grid);
  const auto expected = scores(*model, prompt);
  EXPECT_TRUE(same_bits(scores(*model, prompt, {1}), expected));
  EXPECT_TRUE(same_bits(scores(*model, prompt, {29, 3, 11}), expected));
  // Each number of a row counts, to itself and to those behind it.
  for (std::size_t axis = 0; axis < 3; ++axis) {
    auto moved = grid;
    moved[30 * 3 + axis] += 5;
    const auto other = scores(*model, prompt_of(moved));
    EXPECT_TRUE(same_bits(std::span(other).first(30 * v), std::span(expected).first(30 * v)));
    for (std::size_t row = 30; row < 54; ++row) {
      EXPECT_FALSE(
          same_bits(std::span(other).subspan(row * v, v), std::span(expected).subspan(row * v, v)))
          << row;
    }
  }

  // An answer goes on behind the largest number, in every axis, so that the conversation finds it.
  Usage usage;
  const auto answer = run(*model, job_of(prompt), 64, &usage);
  auto behind = question;
  std::int32_t next = *std::max_element(grid.begin(), grid.end());
  for (const ChosenToken& event : answer) {
    behind.push_back(event.token);
    grid.insert(grid.end(), 3, ++next);
  }
  const Prompt whole({text, shown, behind}, {.rotary = RotaryPositions(3, grid)});
  const auto all = scores(*model, whole);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const auto row = std::span(all).subspan((53 + i) * v, v);
    double sum = 0;
    for (const float logit : row) sum += std::exp(double{logit});
    const double p = row[static_cast<std::size_t>(answer[i].token.value())] - std::log(sum);
    EXPECT_NEAR(*answer[i].log_probability, p, 1e-5) << i;
  }
  (void)run(*model, job_of(whole), 64, &usage);
  EXPECT_EQ(usage.cached, 48);
}

}  // namespace
}  // namespace sirocco
