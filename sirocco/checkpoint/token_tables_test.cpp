#include "sirocco/checkpoint/token_tables.hpp"

#include "sirocco/checkpoint/folder_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FolderTables : public ToyFolder {};

TEST_F(FolderTables, AHeadThatIsTheTableIsNotThereTwice) {
  weights->add("model.embed.weight", {3, 2});
  weights->add("lm_head.weight", {3, 2});
  EXPECT_NE(made().weights->find("output.weight"), nullptr);
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_EQ(made().weights->find("output.weight"), nullptr);
  const StoredTensor same = weights->all.back();
  weights->all.pop_back();
  weights->add("lm_head.weight", {3, 2}, 7.0f);
  EXPECT_THAT(values_of("output.weight"), ElementsAre(7, 8, 9, 10, 11, 12));
  weights->all.back() = same;
  folder->values["config.tie_word_embeddings"] = false;
  folder->values["config.architectures"] = Texts{"ToyForCausalLM"};
  EXPECT_NE(made().weights->find("output.weight"), nullptr);
  EXPECT_EQ(lacks_head(), "");
  weights->all.pop_back();
  // Embeddings need none, so that it is said and not refused.
  EXPECT_THAT(lacks_head(), HasSubstr("no tensor 'lm_head.weight', and "
                                      "'config.tie_word_embeddings' doesn't say"));
}

/// Either name does for both where the two are one.
TEST_F(FolderTables, AHeadAloneIsTheTableToo) {
  weights->add("model.layers.0.norm.weight", {3});
  weights->add("lm_head.weight", {3, 2}, 7.0f);
  const std::string untied = message<FormatError>();
  EXPECT_THAT(untied, HasSubstr("'model.embed.weight' is missing, and "
                                "'config.tie_word_embeddings' doesn't say that 'lm_head.weight'"));
  folder->values["config.tie_word_embeddings"] = false;
  EXPECT_EQ(message<FormatError>(), untied);
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_THAT(values_of("token_embd.weight"), ElementsAre(7, 8, 9, 10, 11, 12));
  EXPECT_EQ(made().weights->find("output.weight"), nullptr);
  folder->values["config.vocab_size"] = std::int64_t{4};
  EXPECT_THAT(message<FormatError>(), HasSubstr("the token table has 3 rows"));
}

/// What ties the two in a model of several parts is what the whole says.
TEST_F(FolderTables, APartDoesntTieTheWholesTables) {
  folder->values.erase("config.layers");
  folder->values["config.text_config.model_type"] = std::string_view("toy");
  folder->values["config.text_config.layers"] = std::int64_t{2};
  folder->values["config.text_config.tie_word_embeddings"] = true;
  weights->add("lm_head.weight", {3, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("'embed.weight' is missing"));
  // But for families whose class takes it from there.
  FolderSchema both = kToy;
  both.tied_by_part = true;
  EXPECT_NE(canonical_checkpoint(folder, weights, both).weights->find("token_embd.weight"),
            nullptr);
  folder->values["config.text_config.tie_word_embeddings"] = false;
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_NE(made().weights->find("token_embd.weight"), nullptr);
}

/// The head of an encoder stands for the table or for nothing.
TEST_F(FolderTables, AnEncodersHeadIsntRun) {
  FolderSchema schema = kToy;
  schema.encodes = true;
  schema.tied = true;
  weights->add("lm_head.weight", {3, 2}, 7.0f);
  const auto made = [&] { return canonical_checkpoint(folder, weights, schema).weights; };
  EXPECT_NE(made()->find("token_embd.weight"), nullptr);
  weights->add("embed.weight", {3, 2});
  EXPECT_EQ(made()->tensors().size(), 1u);
}

/// An index may name what nobody needs; what somebody does is asked for.
TEST_F(FolderTables, WhatOnlyAnIndexKnowsIsRefusedWhenItIsNeeded) {
  weights->add("embed.weight", {3, 2});
  weights->add("layers.1.experts.0.up.weight", {2, 2});
  weights->add("layers.1.norm.weight", {3});
  const auto with = [&](std::string_view name) {
    weights->lacks = {{name, "fetch it", false}};
    return message<NotFound>();
  };
  const std::string opened = "nothing of that kind was thrown";
  EXPECT_EQ(with("other.weight"), opened);
  EXPECT_EQ(with("layers.2.norm.weight"), opened);
  EXPECT_EQ(with("layers.0.fused.bias"), opened);
  EXPECT_EQ(with("model.layers.1.norm.weight"), opened);  // there, under another prefix
  EXPECT_EQ(with("layers.1.experts.0.up.weight"), opened);
  EXPECT_EQ(with("lm_head.weight"), opened);
  EXPECT_EQ(with("layers.0.norm.weight"), "fetch it");
  EXPECT_EQ(with("model.layers.1.experts.1.up.weight"), "fetch it");
  EXPECT_EQ(with("layers.0.experts.0.up.weight"), "fetch it");
  // Embeddings need no head.
  EXPECT_EQ(with("lm_head.weight"), opened);
  EXPECT_THAT(lacks_head(), HasSubstr("fetch it. Without its head"));
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_EQ(with("lm_head.weight"), opened);
  EXPECT_EQ(lacks_head(), "");
  weights->all.front().name = "lm_head.weight";
  EXPECT_EQ(with("embed.weight"), opened);
  folder->values["config.tie_word_embeddings"] = false;
  EXPECT_EQ(with("embed.weight"), "fetch it");
  weights->all.clear();
  EXPECT_EQ(with("model.embed.weight"), "fetch it");
}

}  // namespace
}  // namespace sirocco::testing
