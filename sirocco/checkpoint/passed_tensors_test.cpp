#include "sirocco/checkpoint/passed_tensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/log.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"

namespace sirocco {
namespace {

class Names final : public WeightSource {
 public:
  explicit Names(std::vector<StoredTensor> tensors) : tensors_(std::move(tensors)) {}
  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view) const override { return nullptr; }
  void release(const StoredTensor&) const override {}
  std::string_view origin() const override { return "names"; }

 private:
  std::vector<StoredTensor> tensors_;
};

bool passes(std::string_view name, const Shape& shape = {2}, std::int64_t guessing = 0) {
  const StoredTensor tensor{name, find_format(FormatId::kF32), shape, {}};
  return PassedTensors(Names({tensor}), 2, guessing).pass(tensor);
}

TEST(PassedTensors, AreTheSameUnderEveryPrefix) {
  for (const char* name : {
           "rotary_emb.inv_freq",
           "model.layers.1.self_attn.rotary_emb.inv_freq",
           "model.layers.1.self_attn.rotary_emb.cos_cached",
           "layers.0.self_attn.rotary_emb.sin_cached",
           "blk.1.attn_rot_embd.weight",
           "transformer.h.0.attn.masked_bias",
           "embeddings.position_ids",
           "bert.embeddings.position_ids",
           "model.layers.1.self_attn.k_scale",
           "model.layers.1.self_attn.v_proj.v_scale",
           "model.layers.1.self_attn.k_proj.output_scale",
           "model.layers.1.mlp.up_proj.input_scale",
           "blk.1.ffn_up.input_scale",
           "v_head.summary.bias",
           "score.weight",
           "bert.pooler.dense.weight",
           "cls.predictions.bias",
           "cls.output.bias",
           "mtp.fc.weight",
           "model.mtp.layers.0.mlp.up_proj.weight",
           "model.vision_tower.encoder.weight",
           "visual.blocks.0.attn.qkv.weight",
           "v.blk.3.attn_q.weight",
           "mm.2.bias",
       }) {
    EXPECT_TRUE(passes(name)) << name;
  }
  for (const char* name : {
           "blk.1.attn_q.scale",
           "blk.1.attn_q.weight",
           "blk.1.attn_q_norm.weight",
           "model.layers.1.self_attn.q_proj.weight_scale",
           "model.layers.1.self_attn.o_proj.scale",
           "vocabulary.weight",
           "scores.weight",
           "cls.predictions.decoder.weight",
           "token_embd_norm.weight",
           "rope_factors_long.weight",
           "xk_scale",
       }) {
    EXPECT_FALSE(passes(name)) << name;
  }
}

/// GPT-2's mask has the name of a bias.
TEST(PassedTensors, AMaskHasMoreThanOneAxis) {
  EXPECT_TRUE(passes("h.0.attn.bias", {1, 1, 4, 4}));
  EXPECT_FALSE(passes("h.0.attn.bias", {4}));
  PassedTensors unread(Names({}), 2, 0);
  EXPECT_TRUE(unread.pass(LackingTensor{"h.0.attn.bias", "it is BOOL", true}));
}

TEST(PassedTensors, LayersBehindTheLastPassWhenTheyGuess) {
  EXPECT_FALSE(passes("model.layers.2.mlp.up_proj.weight"));
  EXPECT_TRUE(passes("model.layers.2.mlp.up_proj.weight", {2}, 1));
  EXPECT_FALSE(passes("model.layers.3.mlp.up_proj.weight", {2}, 1));
  EXPECT_FALSE(passes("model.layers.1.mlp.up_proj.weight", {2}, 1));
  EXPECT_FALSE(passes("blk.1.nextn.eh_proj.weight"));
  const Format* const format = find_format(FormatId::kF32);
  const StoredTensor mark{"model.layers.7.shared_head.norm.weight", format, {2}, {}};
  const StoredTensor with{"model.layers.7.mlp.up_proj.weight", format, {2}, {}};
  const StoredTensor without{"model.layers.6.mlp.up_proj.weight", format, {2}, {}};
  PassedTensors passed(Names({with, mark, without}), 2, 0);
  EXPECT_TRUE(passed.pass(with));
  EXPECT_FALSE(passed.pass(without));
}

/// Marks of patterns in a file's own names are no numbers.
TEST(PassedTensors, NamesMayHoldTheMarksOfPatterns) {
  EXPECT_FALSE(passes("blk.#.nextn.eh_proj.weight"));
  EXPECT_FALSE(passes("layers.#.enorm.weight", {2}, 9));
  EXPECT_EQ(pattern_of("a.3.#.@.7").text, "a.#.##.@@.@");
  EXPECT_EQ(with_numbers("a.#.b.@", {3}), "a.3.b.@");
}

/// One line, of which a person at a terminal sees what is missing of the model.
TEST(PassedTensors, AreSpokenOfOnce) {
  const auto said = [](std::initializer_list<const char*> names) {
    PassedTensors passed(Names({}), 2, 0);
    for (const char* name : names) passed.pass(LackingTensor{name, "", true});
    testing::internal::CaptureStderr();
    set_log_level(LogLevel::kInfo);
    log_passed("m.gguf", passed.counts());
    set_log_level(LogLevel::kWarning);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said({}), "");
  EXPECT_EQ(said({"a.inv_freq"}), "");
  EXPECT_EQ(said({"score.weight"}),
            "info: m.gguf: 1 tensor isn't run: 1 of heads for other tasks\n");
  EXPECT_EQ(said({"mtp.a", "v.a", "mtp.b", "x.k_scale"}),
            "info: m.gguf: 4 tensors aren't run: 1 of scales for values that stay in float, 2 of "
            "layers that guess further tokens, 1 of parts for pictures and sound\n");
}

}  // namespace
}  // namespace sirocco
