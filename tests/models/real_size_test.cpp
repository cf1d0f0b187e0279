// Shapes of models that people run, a layer or two of each with random weights: nothing may count
// on small numbers. A prompt in one step and in chunks gives the same bits, and those of the scalar
// code.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "sirocco/platform/isa.hpp"
#include "tests/models/random_checkpoint_testing.hpp"
#include "tests/models/step_runner_testing.hpp"

namespace sirocco::testing {
namespace {

using Rows = std::vector<std::vector<float>>;

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

constexpr std::int64_t kLayers = 2;

/// What the models below have in common, and its tensors.
struct Sizes {
  std::int64_t width;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t feed_forward;
  std::int64_t vocabulary;
  std::int64_t context;
};

const Format& format(FormatId id) { return *find_format(id); }

RandomCheckpoint described(const char* architecture, const Sizes& s, std::mt19937& random) {
  RandomCheckpoint model(architecture, random);
  model.set("block_count", kLayers);
  model.set("embedding_length", s.width);
  model.set("context_length", s.context);
  model.set("attention.head_count", s.heads);
  model.set("attention.head_count_kv", s.kv_heads);
  model.set("attention.key_length", s.head_dim);
  model.set("attention.value_length", s.head_dim);
  model.set("feed_forward_length", s.feed_forward);
  model.set("attention.layer_norm_rms_epsilon", 1e-6);
  model.vector("output_norm.weight", s.width);
  return model;
}

std::string name(std::int64_t layer, std::string_view part) {
  return fmt::format("blk.{}.{}", layer, part);
}

void add_attention(RandomCheckpoint& model, std::int64_t layer, const Sizes& s, const Format& f) {
  model.vector(name(layer, "attn_norm.weight"), s.width);
  model.matrix(name(layer, "attn_q"), f, {s.heads * s.head_dim, s.width});
  model.matrix(name(layer, "attn_k"), f, {s.kv_heads * s.head_dim, s.width});
  model.matrix(name(layer, "attn_v"), f, {s.kv_heads * s.head_dim, s.width});
  model.matrix(name(layer, "attn_output"), f, {s.width, s.heads * s.head_dim});
}

/// `suffix`: of experts that every token goes through.
void add_mlp(RandomCheckpoint& model, std::int64_t layer, std::int64_t width,
             std::int64_t feed_forward, const Format& f, std::string_view suffix = "") {
  model.matrix(name(layer, fmt::format("ffn_gate{}", suffix)), f, {feed_forward, width});
  model.matrix(name(layer, fmt::format("ffn_up{}", suffix)), f, {feed_forward, width});
  model.matrix(name(layer, fmt::format("ffn_down{}", suffix)), f, {width, feed_forward});
}

void add_experts(RandomCheckpoint& model, std::int64_t layer, std::int64_t width,
                 std::int64_t experts, std::int64_t feed_forward, const Format& f) {
  model.matrix(name(layer, "ffn_gate_inp"), format(FormatId::kF32), {experts, width});
  model.matrix(name(layer, "ffn_gate_exps"), f, {experts, feed_forward, width});
  model.matrix(name(layer, "ffn_up_exps"), f, {experts, feed_forward, width});
  model.matrix(name(layer, "ffn_down_exps"), f, {experts, width, feed_forward});
}

Checkpoint llama_3_2_1b(std::mt19937& random) {
  constexpr Sizes s{2048, 32, 8, 64, 8192, 128256, 131072};
  RandomCheckpoint model = described("llama", s, random);
  model.set("rope.freq_base", 500000.0);
  model.vector("rope_freqs.weight", s.head_dim / 2, 8.0f);
  model.matrix("token_embd", format(FormatId::kQ6_K), {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    add_attention(model, layer, s, format(FormatId::kQ4_K));
    model.vector(name(layer, "ffn_norm.weight"), s.width);
    add_mlp(model, layer, s.width, s.feed_forward, format(FormatId::kQ4_K));
  }
  return model.checkpoint();
}

Checkpoint qwen3_0_6b(std::mt19937& random) {
  constexpr Sizes s{1024, 16, 8, 128, 3072, 151936, 40960};
  RandomCheckpoint model = described("qwen3", s, random);
  model.set("rope.freq_base", 1000000.0);
  model.matrix("token_embd", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    add_attention(model, layer, s, format(FormatId::kQ8_0));
    model.vector(name(layer, "attn_q_norm.weight"), s.head_dim);
    model.vector(name(layer, "attn_k_norm.weight"), s.head_dim);
    model.vector(name(layer, "ffn_norm.weight"), s.width);
    add_mlp(model, layer, s.width, s.feed_forward, format(FormatId::kQ8_0));
  }
  return model.checkpoint();
}

Checkpoint gemma_3_1b(std::mt19937& random) {
  constexpr Sizes s{1152, 4, 1, 256, 6912, 262144, 32768};
  RandomCheckpoint model = described("gemma3", s, random);
  model.set("rope.freq_base", 1000000.0);
  model.set("attention.sliding_window", std::int64_t{512});
  model.set("attention.sliding_window_pattern", std::int64_t{2});  // one layer of each kind
  model.matrix("token_embd", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    add_attention(model, layer, s, format(FormatId::kQ4_0));
    model.vector(name(layer, "attn_q_norm.weight"), s.head_dim);
    model.vector(name(layer, "attn_k_norm.weight"), s.head_dim);
    model.vector(name(layer, "post_attention_norm.weight"), s.width);
    model.vector(name(layer, "ffn_norm.weight"), s.width);
    model.vector(name(layer, "post_ffw_norm.weight"), s.width);
    add_mlp(model, layer, s.width, s.feed_forward, format(FormatId::kQ4_0));
  }
  return model.checkpoint();
}

Checkpoint gpt_oss_20b(std::mt19937& random) {
  constexpr Sizes s{2880, 64, 8, 64, 2880, 201088, 131072};
  constexpr std::int64_t kExperts = 32;
  RandomCheckpoint model = described("gpt-oss", s, random);
  model.set("expert_count", kExperts);
  model.set("expert_used_count", std::int64_t{4});
  model.set("expert_feed_forward_length", s.feed_forward);
  model.set("attention.sliding_window", std::int64_t{128});
  model.set("rope.freq_base", 150000.0);
  model.set("rope.scaling.type", std::string_view("yarn"));
  model.set("rope.scaling.factor", 32.0);
  model.set("rope.scaling.original_context_length", std::int64_t{4096});
  model.matrix("token_embd", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  model.matrix("output", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    add_attention(model, layer, s, format(FormatId::kQ8_0));
    model.vector(name(layer, "attn_q.bias"), s.heads * s.head_dim, 0.0f);
    model.vector(name(layer, "attn_k.bias"), s.kv_heads * s.head_dim, 0.0f);
    model.vector(name(layer, "attn_v.bias"), s.kv_heads * s.head_dim, 0.0f);
    model.vector(name(layer, "attn_output.bias"), s.width, 0.0f);
    model.vector(name(layer, "attn_sinks.weight"), s.heads, 0.0f);
    model.vector(name(layer, "post_attention_norm.weight"), s.width);
    add_experts(model, layer, s.width, kExperts, s.feed_forward, format(FormatId::kMXFP4));
    model.vector(name(layer, "ffn_gate_inp.bias"), kExperts, 0.0f);
    model.vectors(name(layer, "ffn_gate_exps.bias"), kExperts, s.feed_forward, 0.0f);
    model.vectors(name(layer, "ffn_up_exps.bias"), kExperts, s.feed_forward, 0.0f);
    model.vectors(name(layer, "ffn_down_exps.bias"), kExperts, s.width, 0.0f);
  }
  return model.checkpoint();
}

Checkpoint deepseek_v2_lite(std::mt19937& random) {
  constexpr std::int64_t kRotary = 64;
  constexpr std::int64_t kPlain = 128;
  constexpr std::int64_t kValue = 128;
  constexpr std::int64_t kLatent = 512;
  constexpr std::int64_t kExpertWidth = 1408;
  constexpr Sizes s{2048, 16, 16, kRotary + kPlain, 10944, 102400, 163840};
  RandomCheckpoint model = described("deepseek2", s, random);
  model.set("attention.value_length", kValue);
  model.set("attention.kv_lora_rank", kLatent);
  model.set("rope.dimension_count", kRotary);
  model.set("rope.scaling.type", std::string_view("yarn"));
  model.set("rope.scaling.factor", 40.0);
  model.set("rope.scaling.original_context_length", std::int64_t{4096});
  model.set("rope.scaling.yarn_log_multiplier", 0.0707);
  model.set("leading_dense_block_count", std::int64_t{1});
  model.set("expert_count", std::int64_t{64});
  model.set("expert_used_count", std::int64_t{6});
  model.set("expert_shared_count", std::int64_t{2});
  model.set("expert_feed_forward_length", kExpertWidth);
  model.matrix("token_embd", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  model.matrix("output", format(FormatId::kQ8_0), {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const Format& f = format(FormatId::kIQ4_NL);
    model.vector(name(layer, "attn_norm.weight"), s.width);
    model.matrix(name(layer, "attn_q"), f, {s.heads * s.head_dim, s.width});
    model.matrix(name(layer, "attn_kv_a_mqa"), f, {kLatent + kRotary, s.width});
    model.vector(name(layer, "attn_kv_a_norm.weight"), kLatent);
    model.matrix(name(layer, "attn_kv_b"), f, {s.heads * (kPlain + kValue), kLatent});
    model.matrix(name(layer, "attn_output"), f, {s.width, s.heads * kValue});
    model.vector(name(layer, "ffn_norm.weight"), s.width);
    if (layer == 0) {
      add_mlp(model, layer, s.width, s.feed_forward, f);
    } else {
      add_experts(model, layer, s.width, 64, kExpertWidth, f);
      add_mlp(model, layer, s.width, 2 * kExpertWidth, f, "_shexp");
    }
  }
  return model.checkpoint();
}

struct Model {
  const char* name;
  Checkpoint (*make)(std::mt19937& random);
};

class RealSize : public ::testing::TestWithParam<Model> {};

TEST_P(RealSize, PromptsAndSingleTokensGiveTheBitsOfTheScalarCode) {
  std::mt19937 random(5);
  const Checkpoint model = GetParam().make(random);
  StepRunner::Options options;
  options.isa = best_isa(CpuFeatures::detect());
  options.threads = 2;
  options.kv_type = KvType::kF16;
  options.sequences = 2;
  std::vector<TokenId> prompt(20);
  Rows whole;
  {
    StepRunner runner(model, options);
    const std::int64_t vocabulary = runner.info().vocabulary;
    for (TokenId& token : prompt)
      token = TokenId(static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(vocabulary)));
    prompt[1] = TokenId(static_cast<std::int32_t>(vocabulary - 1));
    whole = runner.step({{0, prompt}});
    ASSERT_EQ(std::ssize(whole.back()), vocabulary);
    Rows parts;
    for (const auto& [begin, count] : {std::pair{0, 17}, {17, 2}, {19, 1}}) {
      for (auto& row : runner.step({{1, TextRows(prompt).part(begin, count)}}))
        parts.push_back(std::move(row));
    }
    EXPECT_TRUE(std::ranges::equal(parts, whole, same_bits));
  }
  for (const std::vector<float>& row : whole) {
    EXPECT_TRUE(std::ranges::all_of(row, [](float logit) { return std::isfinite(logit); }));
    EXPECT_LT(*std::ranges::min_element(row), *std::ranges::max_element(row));
  }
  options.oracle = true;
  const Rows scalar = StepRunner(model, options).step({{0, TextRows(prompt).part(0, 2)}});
  for (std::size_t t = 0; t < scalar.size(); ++t) EXPECT_TRUE(same_bits(scalar[t], whole[t])) << t;
}

INSTANTIATE_TEST_SUITE_P(Models, RealSize,
                         ::testing::Values(Model{"llama_3_2_1b", llama_3_2_1b},
                                           Model{"qwen3_0_6b", qwen3_0_6b},
                                           Model{"gemma_3_1b", gemma_3_1b},
                                           Model{"gpt_oss_20b", gpt_oss_20b},
                                           Model{"deepseek_v2_lite", deepseek_v2_lite}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace sirocco::testing
