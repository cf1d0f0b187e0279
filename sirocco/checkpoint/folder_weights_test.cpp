#include "sirocco/checkpoint/folder_weights.hpp"

#include "sirocco/checkpoint/folder_testing.hpp"
#include "sirocco/checkpoint/quantized_weights.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FolderTensors : public ToyFolder {};

TEST_F(FolderTensors, WhatStandsBesideATensorIsWhatTheRowsSay) {
  weights->add("layers.0.conv.weight", {2, 3});
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("beside tensor 'layers.0.conv.weight' tensor 'layers.0.conv.bias' is "
                        "missing; "));
  weights->add("layers.0.conv.bias", {3});
  weights->add("embed.weight", {3, 2});
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  weights->add("embed.bias", {2});
  EXPECT_NE(made().weights->find("token_embd.bias"), nullptr);
  weights->add("layers.0.fused.weight", {4, 2});
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  folder->values["config.fused_bias"] = true;
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("'layers.0.fused.bias' is missing, but 'config.fused_bias' says"));
  weights->add("layers.0.fused.bias", {4});
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  folder->values["config.fused_bias"] = false;
  const std::string denied = message<FormatError>();
  EXPECT_THAT(denied, HasSubstr("'layers.0.fused.bias' is there, but 'config.fused_bias' doesn't"));
  folder->values.erase("config.fused_bias");
  EXPECT_EQ(message<FormatError>(), denied);
  folder->nulls = {"config.fused_bias"};
  EXPECT_THAT(message<FormatError>(), HasSubstr("'config.fused_bias' is null"));
  folder->nulls.clear();
  weights->all.pop_back();
  weights->add("layers.1.norm.bias", {3});
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'layers.1.norm.bias' isn't known"));
  weights->all.pop_back();
  weights->add("layers.1.experts.0.up.weight", {2, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("'layers.1.norm.weight' is missing"));
  weights->add("layers.1.norm.weight", {3});
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
}

TEST_F(FolderTensors, TensorsAreArranged) {
  folder->values["config.fused_bias"] = true;
  weights->add("layers.0.norm.weight", {3});
  weights->add("model.layers.1.norm.weight", {3});
  weights->add("layers.0.conv.weight", {2, 3});
  weights->add("layers.0.conv.bias", {3});
  weights->add("layers.0.fused.weight", {4, 2});
  weights->add("layers.0.fused.bias", {4});
  weights->add("layers.0.turns", {2, 2, 4});
  weights->add("layers.0.turns_bias", {2, 4});
  weights->add("layers.0.experts.1.up.weight", {2, 2}, 10.0f);
  weights->add("layers.0.experts.0.up.weight", {2, 2});
  weights->add("rotary_emb.inv_freq", {4});
  EXPECT_THAT(values_of("blk.1.norm.weight"), ElementsAre(1, 2, 3));
  EXPECT_THAT(values_of("blk.0.conv.weight"), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_EQ(shape_of("blk.0.conv.weight"), Shape({3, 2}));
  EXPECT_THAT(values_of("blk.0.conv.bias"), ElementsAre(0, 1, 2));
  EXPECT_THAT(values_of("blk.0.first.weight"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(values_of("blk.0.second.weight"), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(values_of("blk.0.second.bias"), ElementsAre(2, 3));
  // [E, inputs, outputs] = [2, 2, 4]: outputs 0 and 2 of each expert.
  EXPECT_EQ(shape_of("blk.0.even.weight"), Shape({2, 2, 2}));
  EXPECT_THAT(values_of("blk.0.even.weight"), ElementsAre(0, 4, 2, 6, 8, 12, 10, 14));
  EXPECT_EQ(shape_of("blk.0.odd.bias"), Shape({2, 2}));
  EXPECT_THAT(values_of("blk.0.odd.bias"), ElementsAre(1, 3, 5, 7));
  EXPECT_EQ(shape_of("blk.0.up_exps.weight"), Shape({2, 2, 2}));
  EXPECT_THAT(values_of("blk.0.up_exps.weight"), ElementsAre(0, 1, 2, 3, 10, 11, 12, 13));
  EXPECT_EQ(made().weights->rotary_rows(), RotaryRows::kHalfSplit);
}

/// Released are the rows that were consumed and no others, through all that was made of them.
TEST_F(FolderTensors, WhatIsMadeReleasesWhatItIsMadeOf) {
  weights->add("layers.0.norm.weight", {3});
  weights->add("layers.0.experts.0.up.weight", {32, 32});
  weights->add("layers.0.experts.1.up.weight", {32, 32});
  weights->add("layers.0.turns", {2, 32, 64});  // [E, inputs, outputs]
  weights->add("layers.0.conv.weight", {32, 48});
  weights->add("layers.0.conv.bias", {48});
  const auto quantized = quantized_weights(made().weights, *find_format(FormatId::kQ8_0));
  const auto released = [&](std::string_view name, std::int64_t first, std::int64_t count) {
    weights->released.clear();
    const StoredTensor* const tensor = quantized->find(name);
    EXPECT_EQ(tensor->format->id, FormatId::kQ8_0);
    quantized->release(tensor->row_range(first, count));
    return weights->released;
  };
  EXPECT_THAT(released("blk.0.up_exps.weight", 32, 32),
              ElementsAre("layers.0.experts.1.up.weight 0+32"));
  EXPECT_THAT(released("blk.0.up_exps.weight", 24, 16),
              ElementsAre("layers.0.experts.0.up.weight 24+8", "layers.0.experts.1.up.weight 0+8"));
  // A row made of what is stored transposed is made of all of it, and the last one is last.
  EXPECT_THAT(released("blk.0.even.weight", 0, 31), ElementsAre());
  EXPECT_THAT(released("blk.0.even.weight", 16, 32), ElementsAre("layers.0.turns 0+32"));
  EXPECT_THAT(released("blk.0.even.weight", 48, 16), ElementsAre("layers.0.turns 32+32"));
  EXPECT_THAT(released("blk.0.conv.weight", 0, 48), ElementsAre("layers.0.conv.weight 0+32"));
}

TEST_F(FolderTensors, QuantizationLeavesWhatItMust) {
  folder->values["config.fused_bias"] = true;
  weights->add("embed.weight", {3, 32});
  weights->add("layers.0.conv.weight", {32, 5});
  weights->add("layers.0.conv.bias", {5});
  weights->add("layers.0.fused.weight", {4, 33});
  weights->add("layers.0.fused.bias", {4});
  weights->add("layers.0.norm.weight", {32});
  const auto quantized = quantized_weights(made().weights, *find_format(FormatId::kQ4_0));
  const auto format = [&](std::string_view name) { return quantized->find(name)->format->name; };
  EXPECT_EQ(format("token_embd.weight"), "q8_0");
  EXPECT_EQ(format("blk.0.conv.weight"), "q4_0");
  EXPECT_EQ(format("blk.0.first.weight"), "f32");
  EXPECT_EQ(format("blk.0.first.bias"), "f32");
  EXPECT_EQ(format("blk.0.norm.weight"), "f32");
}

TEST_F(FolderTensors, WhatNoAnswerDependsOnIsLeftOutAndCounted) {
  weights->add("model.embed.weight", {3, 2});
  weights->add("model.rotary_emb.inv_freq", {4});
  weights->add("score.weight", {2, 2});
  weights->add("v_head.summary.weight", {2, 2});
  weights->add("model.layers.3.enorm.weight", {2});
  weights->add("model.layers.3.norm.weight", {2});
  weights->lacks = {{"model.position_ids", "why", true}, {"mtp.fc.weight", "why", false}};
  const CanonicalCheckpoint checkpoint = made();
  EXPECT_EQ(checkpoint.weights->tensors().size(), 1u);
  std::vector<std::pair<std::string_view, std::int64_t>> passed;
  for (const PassedCount& count : checkpoint.passed) passed.emplace_back(count.what, count.tensors);
  EXPECT_THAT(passed, ElementsAre(std::pair("of buffers that are computed here", 2),
                                  std::pair("of heads for other tasks", 2),
                                  std::pair("of layers that guess further tokens", 2)));
}

TEST_F(FolderTensors, WhatCantBeReadIsRefusedUnlessNoAnswerDependsOnIt) {
  weights->lacks = {{"layers.0.attn.masked_bias", "is I64", true}};
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  weights->lacks.push_back({"layers.0.other.weight", "is I64", true});
  EXPECT_EQ(message<UnsupportedError>(), "is I64");
}

/// Messages about what is missing speak the folder's language.
TEST_F(FolderTensors, TensorsAreCalledWhatTheFolderCallsThem) {
  weights->add("model.layers.0.norm.weight", {3});
  const auto canonical = made().weights;
  EXPECT_EQ(canonical->called("blk.1.norm.weight"), "'model.layers.1.norm.weight'");
  EXPECT_EQ(canonical->called("blk.1.up_exps.weight"), "'model.layers.1.experts.*.up.weight'");
  EXPECT_EQ(canonical->called("blk.0.odd.bias"), "'model.layers.0.turns_bias'");
  EXPECT_EQ(canonical->called("output.weight"), "'lm_head.weight'");
  EXPECT_EQ(canonical->called("other"), "'other'");
  const auto quantized = quantized_weights(canonical, *find_format(FormatId::kQ8_0));
  EXPECT_EQ(quantized->called("token_embd.bias"), "'model.embed.bias'");
}

TEST_F(FolderTensors, TensorsThatDontFitAreRefused) {
  weights->add("layers.2.norm.weight", {3});
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("is of layer 2, but 'config.layers' says that there are 2"));
  weights->all.clear();
  weights->add("layers.0.other.weight", {3});
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'layers.0.other.weight' isn't known"));
  weights->all.clear();
  for (const char* name : {"layers.00.norm.weight", "layers.#.norm.weight", "layers.@.norm.weight",
                           "layers.0.experts.@.up.weight"}) {
    weights->all.clear();
    weights->add(name, {3});
    EXPECT_THAT(message<UnsupportedError>(), HasSubstr("isn't known")) << name;
  }
  weights->all.clear();
  weights->add("layers.0.fused.weight", {3, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("isn't 2 equal parts"));
  weights->all.clear();
  weights->add("layers.0.experts.1.up.weight", {2, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("number 0 is missing"));
  weights->add("layers.0.experts.0.up.weight", {2, 3});
  EXPECT_THAT(message<FormatError>(), HasSubstr("differ: [2, 3] of f32 and [2, 2] of f32"));
  weights->all.clear();
  weights->add("model.embed.weight", {3, 2});
  folder->values["config.vocab_size"] = std::int64_t{4};
  EXPECT_THAT(message<FormatError>(), HasSubstr("has 3 rows, but 'config.vocab_size' says 4"));
}

/// One of two would count, and nobody could say which.
TEST_F(FolderTensors, TensorsThatDifferInTheirPrefixAloneAreRefused) {
  const auto twice = [&](std::string_view first, std::string_view second) {
    weights->all.clear();
    weights->add("layers.0.norm.weight", {3});
    weights->add(first, {3, 2});
    weights->add(second, {3, 2}, 7.0f);
    return message<FormatError>();
  };
  const auto are_one = [](std::string_view first, std::string_view second) {
    return fmt::format("folder: tensors '{}' and '{}' are one and the same to a model; ", first,
                       second);
  };
  for (const auto& [first, second] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"model.embed.weight", "embed.weight"},
           {"lm_head.weight", "model.lm_head.weight"},
           {"language_model.lm_head.weight", "lm_head.weight"},
           {"layers.0.experts.0.up.weight", "model.layers.0.experts.0.up.weight"}})
    EXPECT_THAT(twice(first, second), HasSubstr(are_one(first, second)));
  EXPECT_EQ(twice("lm_head.weight", "model.embed.weight"), "nothing of that kind was thrown");
  EXPECT_EQ(twice("layers.0.experts.0.up.weight", "layers.0.experts.1.up.weight"),
            "nothing of that kind was thrown");
}

}  // namespace
}  // namespace sirocco::testing
