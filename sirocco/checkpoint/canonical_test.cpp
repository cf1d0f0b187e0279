#include "sirocco/checkpoint/canonical.hpp"

#include "sirocco/checkpoint/folder_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Canonical : public ToyFolder {};

constexpr std::array kToys = {&kToy};
constexpr std::array<std::string_view, 1> kToyFiles = {"toy"};
constexpr KnownFamilies kKnown{.folders = kToys, .gguf_architectures = kToyFiles};

TEST_F(Canonical, KeysAreRenamedRoundedAndFilledIn) {
  folder->values["config.dim"] = 0.1;
  folder->values["config.text_config.h"] = std::int64_t{7};
  folder->values["config.h"] = std::int64_t{8};
  const auto metadata = made().metadata;
  EXPECT_EQ(metadata->get<std::string_view>("general.architecture"), "toy");
  EXPECT_EQ(metadata->get<std::int64_t>("toy.block_count"), 2);
  EXPECT_EQ(metadata->get<double>("toy.width"), static_cast<double>(0.1f));
  EXPECT_EQ(metadata->get<double>("toy.epsilon"), static_cast<double>(1e-6f));
  EXPECT_EQ(metadata->get<std::int64_t>("toy.heads"), 7);
  EXPECT_EQ(metadata->get<bool>("toy.flag"), true);
  EXPECT_EQ(metadata->get<std::int64_t>("toy.window"), 512);
  EXPECT_EQ(metadata->get<std::int64_t>("toy.always"), 2);
  EXPECT_EQ(metadata->find("toy.vocab_size"), nullptr);
}

/// A model of several parts is described by its text part alone; the whole has few members.
TEST_F(Canonical, WhatTheWholeSaysOfAPartCountsForNothing) {
  folder->values.erase("config.layers");
  folder->values["config.text_config.model_type"] = std::string_view("toy");
  folder->values["config.text_config.layers"] = std::int64_t{2};
  folder->values["config.h"] = std::int64_t{8};
  EXPECT_EQ(made().metadata->get<std::int64_t>("toy.heads"), 4);
  folder->values["config.architectures"] = Texts{"ToyForCausalLM"};
  EXPECT_THAT(lacks_head(), HasSubstr("the head is missing"));
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_EQ(lacks_head(), "");
}

TEST_F(Canonical, NullsAreRefusedWhereTheyDontMeanThatThereIsNone) {
  folder->nulls = {"config.w"};
  EXPECT_EQ(made().metadata->find("toy.window"), nullptr);
  folder->nulls = {"config.h"};
  EXPECT_THAT(message<FormatError>(), HasSubstr("'config.h' is null"));
  folder->nulls = {"config.act"};
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'config.act' is 'null', but only 'silu'"));
  folder->nulls = {"config.list"};
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  folder->nulls = {"config.tie_word_embeddings"};
  weights->add("embed.weight", {3, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("'config.tie_word_embeddings' is null"));
}

TEST_F(Canonical, RulesNameTheMember) {
  folder->values["config.act"] = std::string_view("relu");
  EXPECT_THAT(message<UnsupportedError>(),
              HasSubstr("'config.act' is 'relu', but only 'silu' or 'swish' is supported"));
  folder->values["config.act"] = std::string_view("swish");
  folder->values["config.flag"] = true;
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'config.flag' is 'true'"));
  folder->values["config.flag"] = false;
  folder->values["config.list"] = std::vector<std::int64_t>{1};
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'config.list' is a list"));
}

TEST_F(Canonical, ClassesAreOnesThatTheFamilyHas) {
  for (const std::string_view name : {"ToyForImages", "Toy", "ToyForCausalLMForTokenClassification",
                                      "ToyboxModel", "ToyboxForTokenClassification"}) {
    folder->values["config.architectures"] = Texts{name};
    EXPECT_THAT(message<UnsupportedError>(),
                HasSubstr(fmt::format("'{}', which isn't supported; of model type toy known are "
                                      "ToyForCausalLM, ToyModel",
                                      name)));
  }
  folder->values["config.architectures"] = Texts{};
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
}

TEST_F(Canonical, ClassesMayHaveAHeadOfAnotherTaskAndCapitalsOfTheirOwn) {
  weights->add("embed.weight", {4, 32});
  weights->add("score.weight", {2, 32});
  for (const std::string_view name : {"ToyForSequenceClassification", "ToyForTokenClassification",
                                      "TOYForCausalLM", "ToyModel"}) {
    folder->values["config.architectures"] = Texts{name};
    EXPECT_EQ(made().weights->find("score.weight"), nullptr) << name;
    EXPECT_THAT(lacks_head(), HasSubstr("sirocco embed")) << name;
  }
}

TEST_F(Canonical, ModelTypesThatNobodyHasListTheKnownAndTheNearest) {
  folder->values["config.model_type"] = std::string_view("toy_2");
  try {
    canonical_checkpoint(folder, weights, kKnown);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("model type 'toy_2' isn't supported; known are toy "));
    EXPECT_THAT(e.what(), HasSubstr("nearest name is toy"));
  }
}

TEST_F(Canonical, WhatSpeaksThatLanguageStaysAsItIs) {
  folder->values["general.architecture"] = std::string_view("toy");
  EXPECT_EQ(canonical_checkpoint(folder, weights, kKnown).weights, weights);
}

class CanonicalGguf : public ToyFolder {
 protected:
  CanonicalGguf() {
    folder->values = {{"general.architecture", std::string_view("toy")},
                      {"toy.block_count", std::int64_t{2}}};
    weights->add("blk.1.attn_norm.weight", {2});
    weights->add("token_embd.weight", {2, 2});
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    const CanonicalCheckpoint checkpoint = canonical_checkpoint(folder, weights, kKnown);
    for (const StoredTensor& tensor : checkpoint.weights->tensors()) {
      out.emplace_back(tensor.name);
      EXPECT_EQ(checkpoint.weights->find(tensor.name), &tensor);
    }
    return out;
  }
};

TEST_F(CanonicalGguf, IsItselfWhereAllOfItIsRun) {
  weights->add("blk.2.attn_norm.weight", {2});  // for the model to refuse
  EXPECT_EQ(canonical_checkpoint(folder, weights, kKnown).weights, weights);
}

TEST_F(CanonicalGguf, LeavesOutWhatNoAnswerDependsOn) {
  weights->add("blk.1.attn_rot_embd.weight", {2});
  weights->add("blk.2.nextn.eh_proj.weight", {2, 2});
  weights->add("blk.2.attn_norm.weight", {2});
  weights->add("v.blk.0.attn_q.weight", {2, 2});
  weights->add("mm.0.weight", {2, 2});
  weights->add("cls.output.weight", {2, 2});
  EXPECT_THAT(names(), ElementsAre("blk.1.attn_norm.weight", "token_embd.weight"));
  // In a layer that is run they would be.
  weights->add("blk.0.nextn.eh_proj.weight", {2, 2});
  EXPECT_THAT(names(), ElementsAre("blk.1.attn_norm.weight", "token_embd.weight",
                                   "blk.0.nextn.eh_proj.weight"));
}

/// Their number counts among that of all layers.
TEST_F(CanonicalGguf, SaysHowManyLayersGuess) {
  folder->values["toy.nextn_predict_layers"] = std::int64_t{1};
  EXPECT_THAT(names(), ElementsAre("token_embd.weight"));
  folder->values["toy.nextn_predict_layers"] = std::int64_t{2};
  EXPECT_THROW(names(), FormatError);
}

}  // namespace
}  // namespace sirocco::testing
