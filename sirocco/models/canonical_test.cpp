#include "sirocco/models/canonical.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/models/folder_description.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string_view>;

class FakeFolder final : public Metadata {
 public:
  std::map<std::string, MetadataValue, std::less<>> values;
  std::set<std::string, std::less<>> nulls;
  const MetadataValue* find(std::string_view path) const override {
    const auto at = values.find(path);
    return at == values.end() ? nullptr : &at->second;
  }
  bool is_null(std::string_view path) const override { return nulls.contains(path); }
  std::vector<std::string_view> paths() const override {
    std::vector<std::string_view> out;
    for (const auto& [path, value] : values) out.push_back(path);
    return out;
  }
  std::string_view origin() const override { return "folder"; }
};

class FakeWeights final : public WeightSource {
 public:
  /// A tensor of 0, 1, 2, … from `first` on.
  void add(std::string_view name, const Shape& shape, float first = 0.0f) {
    auto& kept = values_.emplace_back(static_cast<std::size_t>(shape.elements()));
    std::iota(kept.begin(), kept.end(), first);
    all.push_back({name, find_format(FormatId::kF32), shape, std::as_bytes(std::span(kept))});
  }
  std::vector<StoredTensor> all;
  mutable std::vector<std::string> released;
  std::span<const StoredTensor> tensors() const override { return all; }
  const StoredTensor* find(std::string_view) const override { return nullptr; }
  std::vector<LackingTensor> lacks;
  std::span<const LackingTensor> lacking() const override { return lacks; }
  void release(const StoredTensor& tensor) const override {
    const auto whole =
        std::ranges::find_if(all, [&](const auto& t) { return t.name == tensor.name; });
    const auto row = static_cast<std::ptrdiff_t>(row_bytes(*tensor.format, tensor.columns()));
    released.push_back(fmt::format(
        "{} {}+{}", tensor.name, (tensor.bytes.data() - whole->bytes.data()) / row, tensor.rows()));
  }
  std::string_view origin() const override { return "folder"; }

 private:
  std::deque<std::vector<float>> values_;
};

constexpr std::array kKeys = {
    ConfigKey{"block_count", "layers"},    ConfigKey{"width", "d", "dim"},
    ConfigKey{"epsilon", "eps", {}, 1e-6}, ConfigKey{"heads", "h", {}, 4},
    ConfigKey{"flag", "f", {}, true},      ConfigKey{"window", "w", {}, 512, Null::kNone},
    ConfigKey{"always", {}, {}, 2},        ConfigKey{"vocab_size", "vocab_size"}};
constexpr std::array kRules = {ConfigRule{"act", {"silu", "swish"}}, ConfigRule{"flag", {"false"}},
                               ConfigRule{"list", {"null"}}};
constexpr std::array kTensors = {
    TensorRule{"embed", "token_embd"},
    TensorRule{"lm_head", "output"},
    TensorRule{"layers.#.norm", "blk.#.norm", {.one_plus = true}},
    TensorRule{"layers.#.conv", "blk.#.conv", {.transposed = true}},
    TensorRule{"layers.#.fused", "blk.#.first", {.parts = 2}},
    TensorRule{"layers.#.fused", "blk.#.second", {.part = 1, .parts = 2}},
    TensorRule{"layers.#.turns",
               "blk.#.even.weight",
               {.transposed = true, .parts = 2, .interleaved = true}},
    TensorRule{
        "layers.#.turns_bias", "blk.#.odd.bias", {.part = 1, .parts = 2, .interleaved = true}},
    TensorRule{"layers.#.experts.@.up", "blk.#.up_exps"},
};
constexpr std::array kCompanions = {CompanionRule{"blk.#.conv"},
                                    CompanionRule{"blk.#.first", "fused_bias"},
                                    CompanionRule{"blk.#.second", "fused_bias"},
                                    CompanionRule{"blk.#.up_exp*", {}, "blk.#.norm.weight"},
                                    CompanionRule{"token_embd", {}, {}, true}};
constexpr std::array<std::string_view, 1> kTypes = {"toy"};
constexpr std::array<std::string_view, 2> kClasses = {"ToyForCausalLM", "ToyModel"};
constexpr FolderSchema kToy = {.architecture = "toy",
                               .model_types = kTypes,
                               .classes = kClasses,
                               .keys = kKeys,
                               .rules = kRules,
                               .tensors = kTensors,
                               .companions = kCompanions};

class Canonical : public testing::Test {
 protected:
  Canonical() {
    folder->values = {{"config.model_type", std::string_view("toy")},
                      {"config.layers", std::int64_t{2}}};
  }
  CanonicalCheckpoint made() const { return canonical_checkpoint(folder, weights, kToy); }
  /// What is to be told to who wants text of it.
  std::string lacks_head() const {
    const auto metadata = made().metadata;
    return std::string(metadata->get_or<std::string_view>("toy.lacks_head", ""));
  }
  std::vector<float> values_of(std::string_view name) const {
    const CanonicalCheckpoint checkpoint = made();
    const StoredTensor* const tensor = checkpoint.weights->find(name);
    if (tensor == nullptr) return {};
    std::vector<float> out(static_cast<std::size_t>(tensor->shape.elements()));
    tensor->read_rows(0, tensor->rows(), reinterpret_cast<std::byte*>(out.data()));
    return out;
  }
  Shape shape_of(std::string_view name) const { return made().weights->find(name)->shape; }
  template <class E>
  std::string message() const {
    try {
      made();
    } catch (const E& e) {
      return e.what();
    }
    return "nothing of that kind was thrown";
  }

  std::shared_ptr<FakeFolder> folder = std::make_shared<FakeFolder>();
  std::shared_ptr<FakeWeights> weights = std::make_shared<FakeWeights>();
};

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

TEST_F(Canonical, WhatStandsBesideATensorIsWhatTheRowsSay) {
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
  folder->values["config.model_type"] = std::string_view("gemma4_text");
  try {
    canonical_checkpoint(folder, weights);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("model type 'gemma4_text' isn't supported; known are llama"));
    EXPECT_THAT(e.what(), HasSubstr("nearest name is gemma3_text"));
  }
}

TEST_F(Canonical, WhatSpeaksThatLanguageStaysAsItIs) {
  folder->values["general.architecture"] = std::string_view("llama");
  EXPECT_EQ(canonical_checkpoint(folder, weights).weights, weights);
}

TEST_F(Canonical, TensorsAreArranged) {
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
TEST_F(Canonical, WhatIsMadeReleasesWhatItIsMadeOf) {
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

TEST_F(Canonical, QuantizationLeavesWhatItMust) {
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

TEST_F(Canonical, AHeadThatIsTheTableIsNotThereTwice) {
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
TEST_F(Canonical, AHeadAloneIsTheTableToo) {
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
TEST_F(Canonical, APartDoesntTieTheWholesTables) {
  folder->values.erase("config.layers");
  folder->values["config.text_config.model_type"] = std::string_view("toy");
  folder->values["config.text_config.layers"] = std::int64_t{2};
  folder->values["config.text_config.tie_word_embeddings"] = true;
  weights->add("lm_head.weight", {3, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("'embed.weight' is missing"));
  folder->values["config.text_config.tie_word_embeddings"] = false;
  folder->values["config.tie_word_embeddings"] = true;
  EXPECT_NE(made().weights->find("token_embd.weight"), nullptr);
}

/// The head of an encoder stands for the table or for nothing.
TEST_F(Canonical, AnEncodersHeadIsntRun) {
  FolderSchema schema = kToy;
  schema.encodes = true;
  schema.tied = true;
  weights->add("lm_head.weight", {3, 2}, 7.0f);
  const auto made = [&] { return canonical_checkpoint(folder, weights, schema).weights; };
  EXPECT_NE(made()->find("token_embd.weight"), nullptr);
  weights->add("embed.weight", {3, 2});
  EXPECT_EQ(made()->tensors().size(), 1u);
}

TEST_F(Canonical, WhatNoAnswerDependsOnIsLeftOutAndCounted) {
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

TEST_F(Canonical, WhatCantBeReadIsRefusedUnlessNoAnswerDependsOnIt) {
  weights->lacks = {{"layers.0.attn.masked_bias", "is I64", true}};
  EXPECT_EQ(message<Error>(), "nothing of that kind was thrown");
  weights->lacks.push_back({"layers.0.other.weight", "is I64", true});
  EXPECT_EQ(message<UnsupportedError>(), "is I64");
}

/// An index may name what nobody needs; what somebody does is asked for.
TEST_F(Canonical, WhatOnlyAnIndexKnowsIsRefusedWhenItIsNeeded) {
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

/// Messages about what is missing speak the folder's language.
TEST_F(Canonical, TensorsAreCalledWhatTheFolderCallsThem) {
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

class CanonicalGguf : public Canonical {
 protected:
  CanonicalGguf() {
    folder->values = {{"general.architecture", std::string_view("llama")},
                      {"llama.block_count", std::int64_t{2}}};
    weights->add("blk.1.attn_norm.weight", {2});
    weights->add("token_embd.weight", {2, 2});
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    const CanonicalCheckpoint checkpoint = canonical_checkpoint(folder, weights);
    for (const StoredTensor& tensor : checkpoint.weights->tensors()) {
      out.emplace_back(tensor.name);
      EXPECT_EQ(checkpoint.weights->find(tensor.name), &tensor);
    }
    return out;
  }
};

TEST_F(CanonicalGguf, IsItselfWhereAllOfItIsRun) {
  weights->add("blk.2.attn_norm.weight", {2});  // for the model to refuse
  EXPECT_EQ(canonical_checkpoint(folder, weights).weights, weights);
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
  folder->values["llama.nextn_predict_layers"] = std::int64_t{1};
  EXPECT_THAT(names(), ElementsAre("token_embd.weight"));
  folder->values["llama.nextn_predict_layers"] = std::int64_t{2};
  EXPECT_THROW(names(), FormatError);
}

TEST_F(Canonical, TensorsThatDontFitAreRefused) {
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
  weights->add("embed.weight", {3, 2});
  EXPECT_THAT(message<FormatError>(), HasSubstr("two tensors stand for 'token_embd.weight'"));
  weights->all.pop_back();
  folder->values["config.vocab_size"] = std::int64_t{4};
  EXPECT_THAT(message<FormatError>(), HasSubstr("has 3 rows, but 'config.vocab_size' says 4"));
}

class FolderRotary : public testing::Test {
 protected:
  FolderRotary() {
    folder.values = {{"config.layers", std::int64_t{2}}};
    description.set("embedding_length", std::int64_t{256});
    description.set("attention.head_count", std::int64_t{4});
    description.set("context_length", std::int64_t{4096});
  }
  FakeFolder folder;
  FolderDescription description{folder, &kToy};
};

TEST_F(FolderRotary, NothingSaidIsTheDefault) {
  set_rotary(description);
  EXPECT_EQ(description.get<double>("toy.rope.freq_base"), 10000.0);
  EXPECT_FALSE(description.is_set("rope.scaling.type"));
  EXPECT_FALSE(description.is_set("rope.dimension_count"));
}

TEST_F(FolderRotary, HalfAHeadMayTurnWhereTheFamilyHasThat) {
  constexpr RotaryDefaults kPartial{.part = 0.25};
  folder.values["config.partial_rotary_factor"] = 0.5;
  set_rotary(description, kPartial);
  EXPECT_EQ(description.integer("rope.dimension_count"), 32);
  folder.values["config.partial_rotary_factor"] = 1e300;
  description.unset("rope.dimension_count");
  EXPECT_THROW(set_rotary(description, kPartial), FormatError);
  folder.values["config.partial_rotary_factor"] = 0.5;
  EXPECT_THROW(set_rotary(description), UnsupportedError);
  folder.values["config.partial_rotary_factor"] = 1.0;
  set_rotary(description);
  EXPECT_FALSE(description.is_set("rope.dimension_count"));
}

TEST_F(FolderRotary, YarnKeepsWhatTheFolderSays) {
  folder.values["config.rope_scaling.type"] = std::string_view("yarn");
  folder.values["config.rope_scaling.factor"] = std::int64_t{40};
  folder.values["config.rope_scaling.mscale"] = 0.707;
  folder.values["config.rope_scaling.mscale_all_dim"] = 0.707;
  folder.values["config.rope_scaling.beta_fast"] = std::int64_t{32};
  set_rotary(description);
  EXPECT_EQ(description.get<std::string_view>("toy.rope.scaling.type"), "yarn");
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 40.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 4096);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.yarn_log_multiplier"),
            static_cast<double>(static_cast<float>(0.1 * 0.707)));
  EXPECT_FALSE(description.is_set("rope.scaling.attn_factor"));
}

TEST_F(FolderRotary, YarnsNullsAreAsGoodAsLeftOutButForTruncation) {
  folder.values["config.rope_parameters.rope_type"] = std::string_view("yarn");
  folder.values["config.rope_parameters.factor"] = 4.0;
  const auto truncates = [&] {
    set_rotary(description);
    return description.get<bool>("toy.rope.scaling.yarn_truncate");
  };
  EXPECT_EQ(truncates(), true);
  folder.nulls = {"config.rope_parameters.truncate", "config.rope_parameters.beta_fast",
                  "config.rope_parameters.mscale", "config.rope_parameters.attention_factor"};
  EXPECT_EQ(truncates(), false);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.yarn_beta_fast"), 32.0);
  EXPECT_FALSE(description.is_set("rope.scaling.attn_factor"));
  folder.nulls = {"config.rope_parameters.factor"};
  folder.values.erase("config.rope_parameters.factor");
  EXPECT_THROW(set_rotary(description), FormatError);
}

TEST_F(FolderRotary, TheOldNameComesFirstAndTheContextMayStandOutside) {
  folder.values["config.rope_theta"] = 5.0;
  folder.values["config.rope_parameters.rope_theta"] = 7.0;
  folder.values["config.rope_scaling.type"] = std::string_view("yarn");
  folder.values["config.rope_scaling.factor"] = 2.0;
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{64};
  folder.values["config.original_max_position_embeddings"] = std::int64_t{128};
  set_rotary(description);
  EXPECT_EQ(description.get<double>("toy.rope.freq_base"), 5.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 128);
}

TEST_F(FolderRotary, ANullScalingOrNoneIsTheFamilys) {
  const RotaryDefaults stretched{.unsaid = YarnScaling{.factor = 8.0f, .original_context = 32.0f}};
  folder.nulls = {"config.rope_scaling"};
  set_rotary(description, stretched);
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 8.0);
  EXPECT_EQ(description.integer("rope.scaling.original_context_length"), 32);
  description.unset("rope.scaling.factor");
  folder.values["config.rope_parameters.rope_theta"] = 7.0;
  set_rotary(description, stretched);
  EXPECT_FALSE(description.is_set("rope.scaling.factor"));
}

TEST_F(FolderRotary, ADynamicScalingIsOfTheModelsOwnPositions) {
  folder.values["config.rope_scaling.type"] = std::string_view("dynamic");
  folder.values["config.rope_scaling.factor"] = 2.0;
  // transformers doesn't look at it here.
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{64};
  set_rotary(description);
  EXPECT_EQ(description.get<std::string_view>("toy.rope.scaling.type"), "dynamic");
  EXPECT_EQ(description.get<double>("toy.rope.scaling.factor"), 2.0);
  EXPECT_FALSE(description.is_set("rope.scaling.original_context_length"));
}

/// As transformers refuses them.
TEST_F(FolderRotary, ScalingsWithoutAFactorAreRefused) {
  for (const std::string_view type : {"linear", "dynamic", "llama3", "yarn"}) {
    folder.values["config.rope_scaling.type"] = type;
    try {
      set_rotary(description);
      FAIL() << type;
    } catch (const FormatError& e) {
      EXPECT_THAT(e.what(), HasSubstr("'config.rope_scaling.factor' is missing"));
      EXPECT_THAT(e.what(), HasSubstr("'" + std::string(type) + "'"));
    }
  }
  folder.values["config.rope_scaling.factor"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(set_rotary(description), FormatError);
  folder.values.erase("config.rope_scaling.factor");
  folder.nulls = {"config.rope_scaling.factor"};
  EXPECT_THROW(set_rotary(description), FormatError);
}

TEST_F(FolderRotary, ScalingsThatAreNoObjectsAreRefused) {
  for (const std::string_view name : {"config.rope_scaling", "config.rope_parameters"}) {
    folder.values.insert_or_assign(std::string(name), std::string_view("linear"));
    EXPECT_THROW(set_rotary(description), FormatError) << name;
    folder.values.erase(std::string(name));
  }
}

TEST_F(FolderRotary, OtherScalingsAreNamed) {
  folder.values["config.rope_scaling.rope_type"] = std::string_view("longrope");
  try {
    set_rotary(description);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("'longrope' isn't supported; known are 'default'"));
  }
}

/// The table of Llama 3.2 1B's GGUF, as the converter's own arithmetic in torch gives it.
TEST_F(FolderRotary, Llama3sFactorsAreThoseOfTheConverter) {
  folder.values["config.rope_theta"] = 500000.0;
  folder.values["config.rope_scaling.rope_type"] = std::string_view("llama3");
  folder.values["config.rope_scaling.factor"] = 32.0;
  folder.values["config.rope_scaling.low_freq_factor"] = 1.0;
  folder.values["config.rope_scaling.high_freq_factor"] = 4.0;
  folder.values["config.rope_scaling.original_max_position_embeddings"] = std::int64_t{8192};
  set_rotary(description);
  const std::vector<float>& factors = description.vectors.at("rope_freqs.weight");
  ASSERT_EQ(factors.size(), 32u);
  std::vector<std::uint32_t> bits;
  for (const float factor : factors) bits.push_back(std::bit_cast<std::uint32_t>(factor));
  EXPECT_THAT(bits,
              ElementsAre(0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000,
                          0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000,
                          0x3f800000, 0x3f800000, 0x3f800000, 0x3fd35ec2, 0x4052b46f, 0x411aaaee,
                          0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000,
                          0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000, 0x42000000,
                          0x42000000, 0x42000000));
}

}  // namespace
}  // namespace sirocco
