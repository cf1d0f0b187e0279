// Encoders of texts for models that draw, out of folders of diffusers: their tokens, rows and
// pooled rows against those of transformers (tests/golden/diffusion), and against themselves.
#include <gtest/gtest.h>

#include <algorithm>

#include "sirocco/models/clip_text.hpp"
#include "sirocco/platform/cpu_features.hpp"
#include "sirocco/text/fixed_length.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "tests/models/text_encoder_testing.hpp"

namespace sirocco::testing {
namespace {

/// A folder, and the pipeline of which results are recorded.
struct Named {
  const char* folder;
  const char* pipeline;
};

class TextEncoders : public ::testing::TestWithParam<Named> {
 protected:
  Checkpoint open(PartRole role) const { return folder_.open(role); }

  const Recorded recorded_{GetParam().pipeline};
  const DiffusersFolder folder_{folder_path(GetParam().folder)};
};

TEST_P(TextEncoders, T5HasTheRowsOfTransformers) {
  const JsonValue& t5 = member(recorded_.model, "t5");
  Encoder encoder(open(PartRole::kTextEncoder2));
  const std::vector<Tokens> texts = {tokens_of(t5, "ids")};
  EXPECT_LT(largest_difference(recorded_.values.read(t5, "block_0"), encoder.rows(texts, 1)),
            kNear);
  EXPECT_LT(largest_difference(recorded_.values.read(t5, "rows"), encoder.rows(texts)), kNear);
}

TEST_P(TextEncoders, ClipHasTheRowsOfTransformersAndThePooledOne) {
  const JsonValue& clip = member(recorded_.model, "clip");
  Encoder encoder(open(PartRole::kTextEncoder));
  const Tokens tokens = tokens_of(clip, "ids");
  EXPECT_LT(largest_difference(recorded_.values.read(clip, "layer_0"), encoder.rows({tokens}, 1)),
            kNear);
  EXPECT_LT(largest_difference(recorded_.values.read(clip, "rows"), encoder.rows({tokens})), kNear);
  const ClipTextEnd end(encoder.metadata());
  EXPECT_LT(largest_difference(recorded_.values.read(clip, "pooled"),
                               encoder.row(tokens, end.row(tokens))),
            kNear);
}

// Neighbours, threads, cuts and tiers of one's bits change nothing.
TEST_P(TextEncoders, GiveEachTextItsOwnBits) {
  for (const auto& [role, name] :
       {std::pair{PartRole::kTextEncoder, "clip"}, std::pair{PartRole::kTextEncoder2, "t5"}}) {
    const Checkpoint part = open(role);
    const Tokens tokens = tokens_of(member(recorded_.model, name), "ids");
    const Tokens other(tokens.begin() + 3, tokens.begin() + 12);
    for (const IsaTraits& tier : isa_table()) {
      if (!CpuFeatures::detect().contains(tier.required)) continue;
      Encoder oracle(part, {.isa = tier.isa});
      const Rows expected = oracle.rows({tokens});
      const Rows expected_other = oracle.rows({other});
      for (const int threads : {1, 2, 3}) {
        Encoder encoder(part, {.isa = tier.isa, .threads = threads, .oracle = false});
        const std::int32_t layers = encoder.model().info().layers;
        EXPECT_TRUE(same_bits(encoder.rows({tokens}, layers, {0, 1}), expected)) << name;
        EXPECT_TRUE(same_bits(encoder.rows({other, tokens}), joined(expected_other, expected)))
            << name << ", " << tier.name << ", " << threads;
      }
    }
  }
}

TEST_P(TextEncoders, TokensAreThoseOfTransformers) {
  const Checkpoint clip_files = open(PartRole::kTokenizer);
  const Checkpoint t5_files = open(PartRole::kTokenizer2);
  const Tokenizer clip = make_tokenizer(*clip_files.files);
  const Tokenizer t5 = make_tokenizer(*t5_files.files);
  const TokenizeOptions whole{.parse_special = true, .add_special = true};
  for (const JsonValue& entry : array(recorded_.model, "texts")) {
    const std::string& typed = text(entry, "text");
    EXPECT_EQ(clip.tokenize(typed, whole), tokens_of(entry, "clip_ids")) << typed;
    EXPECT_EQ(t5.tokenize(typed, whole), tokens_of(entry, "t5_ids")) << typed;
  }
  // As the encoders get them.
  const FixedLengthTokenizer clip_prompts(clip, model_max_length(*clip_files.metadata).value());
  std::size_t long_ones = 0;
  for (const JsonValue& each : array(recorded_.model, "cases")) {
    const std::string& prompt = text(each, "prompt");
    const FixedLengthTokens clip_tokens = clip_prompts.tokenize(prompt);
    EXPECT_EQ(clip_tokens.tokens, tokens_of(each, "clip_ids")) << prompt;
    const auto length = static_cast<std::int32_t>(count_member(each, "max_sequence_length"));
    const FixedLengthTokens t5_tokens = FixedLengthTokenizer(t5, length).tokenize(prompt);
    EXPECT_EQ(t5_tokens.tokens, tokens_of(each, "t5_ids")) << prompt;
    if (!t5_tokens.left_out.empty()) ++long_ones;
  }
  EXPECT_GE(long_ones, 1u);
}

INSTANTIATE_TEST_SUITE_P(Folders, TextEncoders,
                         ::testing::Values(Named{"dev", "dev"}, Named{"dev-old", "dev"},
                                           Named{"schnell", "schnell"}),
                         [](const auto& each) {
                           std::string name = each.param.folder;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(TextEncoder, IsNoModelThatKeepsACache) {
  const fs::path llama = made_golden_path("models/llama-gqa.gguf");
  const std::string message = refusal<UnsupportedError>(open_checkpoint(llama));
  EXPECT_TRUE(contains(message, "'llama'")) << message;
  EXPECT_TRUE(contains(message, "keeps a cache")) << message;
}

TEST(ClipTextEnd, IsTheFirstOfItsTokens) {
  class EndId final : public Metadata {
   public:
    explicit EndId(std::int64_t id) : id_(id) {}
    const MetadataValue* find(std::string_view path) const override {
      return path == "general.architecture"     ? &architecture_
             : path == "clip-text.eos_token_id" ? &id_
                                                : nullptr;
    }
    std::vector<std::string_view> paths() const override { return {}; }
    std::string_view origin() const override { return "clip"; }

   private:
    MetadataValue architecture_ = std::string_view("clip-text");
    MetadataValue id_;
  };
  const auto row = [](std::int64_t id, std::initializer_list<std::int32_t> ids) {
    Tokens tokens;
    for (const std::int32_t each : ids) tokens.emplace_back(each);
    return ClipTextEnd(EndId(id)).row(tokens);
  };
  EXPECT_EQ(row(7, {5, 9, 7, 7, 7}), 2);
  EXPECT_EQ(row(7, {5, 9, 8}), 0);
  EXPECT_EQ(row(2, {5, 2, 9, 2, 9, 9}), 2);
  EXPECT_EQ(row(2, {2}), 0);
}

}  // namespace
}  // namespace sirocco::testing
