#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/registry.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

class FakeMetadata final : public Metadata {
 public:
  std::map<std::string, MetadataValue, std::less<>> values;
  const MetadataValue* find(std::string_view path) const override {
    const auto at = values.find(path);
    return at == values.end() ? nullptr : &at->second;
  }
  std::vector<std::string_view> paths() const override { return {}; }
  std::string_view origin() const override { return "fake.gguf"; }
};

class FakeWeights final : public WeightSource {
 public:
  std::vector<StoredTensor> all;
  std::span<const StoredTensor> tensors() const override { return all; }
  const StoredTensor* find(std::string_view name) const override {
    for (const StoredTensor& t : all) {
      if (t.name == name) return &t;
    }
    return nullptr;
  }
  void release(const StoredTensor&) const override {}
  std::string_view origin() const override { return "fake.gguf"; }
};

class ModelErrors : public ::testing::Test {
 protected:
  ModelErrors() {
    metadata_.values = {{"general.architecture", std::string_view("llama")},
                        {"llama.block_count", std::int64_t{1}},
                        {"llama.embedding_length", std::int64_t{32}},
                        {"llama.context_length", std::int64_t{64}},
                        {"llama.attention.head_count", std::int64_t{4}},
                        {"llama.feed_forward_length", std::int64_t{48}},
                        {"llama.attention.layer_norm_rms_epsilon", 1e-5}};
    table_.resize(16 * 32);
    weights_.all = {{"token_embd.weight",
                     find_format(FormatId::kF32),
                     {16, 32},
                     std::as_bytes(std::span(table_))}};
  }

  /// The message of what making a builder and loading it whole throws.
  template <class E>
  std::string message() {
    try {
      const auto builder = make_model_builder(metadata_, weights_, *backend_);
      load_parts<Whole>(*builder, builder->all_layers());
    } catch (const E& e) {
      return e.what();
    }
    return "nothing of that kind was thrown";
  }

  FakeMetadata metadata_;
  FakeWeights weights_;
  std::vector<float> table_;
  ThreadGroup threads_{1};
  std::unique_ptr<Backend> backend_ = make_cpu_backend(Isa::kRef, threads_);
};

TEST_F(ModelErrors, AnUnknownArchitectureListsTheKnownAndTheNearest) {
  metadata_.values["general.architecture"] = std::string_view("gemma4");
  EXPECT_THAT(message<UnsupportedError>(),
              HasSubstr("'gemma4' isn't supported; known are llama, gemma2, gemma3, "));
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("nearest name is gemma"));
  metadata_.values["general.architecture"] = std::string_view("\x1b[2J");
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'\\x1b[2J'"));
}

TEST_F(ModelErrors, NumbersOutOfRangeNameTheirKey) {
  const auto with = [&](const char* key, MetadataValue value) {
    const auto kept = metadata_.values;
    metadata_.values[key] = std::move(value);
    const std::string text = message<FormatError>();
    metadata_.values = kept;
    return text;
  };
  EXPECT_THAT(with("llama.block_count", std::int64_t{0}), HasSubstr("'llama.block_count' is 0"));
  EXPECT_THAT(with("llama.embedding_length", std::int64_t{1} << 40),
              HasSubstr("'llama.embedding_length' is"));
  EXPECT_THAT(with("llama.attention.head_count", std::int64_t{-1}),
              HasSubstr("'llama.attention.head_count' is -1"));
  EXPECT_THAT(with("llama.attention.layer_norm_rms_epsilon", 0.0), HasSubstr("rms_epsilon' is 0"));
  EXPECT_THAT(with("llama.rope.dimension_count", std::int64_t{7}),
              HasSubstr("dimension_count' is 7"));
  EXPECT_THAT(with("llama.block_count", std::string_view("many")), HasSubstr("is of type string"));
  // Heads of one element have no pair to rotate.
  EXPECT_THAT(with("llama.attention.head_count", std::int64_t{32}),
              HasSubstr("expected an even number"));
}

TEST_F(ModelErrors, WhatIsntSupportedIsNamed) {
  metadata_.values["llama.rope.scaling.type"] = std::string_view("longrope");
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'longrope'"));
  metadata_.values.erase("llama.rope.scaling.type");
  metadata_.values["llama.expert_count"] = std::int64_t{8};
  metadata_.values["llama.expert_used_count"] = std::int64_t{2};
  metadata_.values["llama.expert_gating_func"] = std::int64_t{7};
  EXPECT_THAT(message<UnsupportedError>(), HasSubstr("'llama.expert_gating_func' is 7"));
}

TEST_F(ModelErrors, FilesThatHoldNoModelAreToldApart) {
  for (const auto& [key, value, what] :
       {std::tuple("general.type", "adapter", "merge it into its model"),
        std::tuple("general.type", "imatrix", "importance matrix"),
        std::tuple("general.architecture", "clip", "name the file of its text part"),
        std::tuple("general.architecture", "controlvector", "a control vector")}) {
    const auto kept = metadata_.values;
    metadata_.values[key] = std::string_view(value);
    EXPECT_THAT(message<UnsupportedError>(), HasSubstr(what));
    metadata_.values = kept;
  }
  metadata_.values["general.type"] = std::string_view("model");
  EXPECT_THAT(message<FormatError>(), HasSubstr("is missing"));
}

TEST_F(ModelErrors, TensorsOfNoPartAndOfNoLayerAreRefusedFirst) {
  const auto with = [&](std::string_view name) {
    weights_.all.push_back({name, find_format(FormatId::kF32), {2}, {}});
    const std::string text = message<Error>();
    weights_.all.pop_back();
    return text;
  };
  EXPECT_THAT(with("rope_factors_long.weight"),
              HasSubstr("'rope_factors_long.weight' isn't known to architecture llama"));
  EXPECT_THAT(with("direction.1"), HasSubstr("'direction.1' isn't known"));
  EXPECT_THAT(with("blk.1.attn_norm.weight"),
              HasSubstr("'blk.1.attn_norm.weight' is of layer 1, but the model's description"));
  EXPECT_THAT(with("blk.x.attn_norm.weight"), HasSubstr("isn't known"));
  metadata_.values["llama.nextn_predict_layers"] = std::int64_t{1};
  EXPECT_THAT(message<FormatError>(), HasSubstr("'llama.nextn_predict_layers' is 1, but"));
}

/// llama.cpp's words: a stretch that is left out or 0 is none.
TEST_F(ModelErrors, AScalingWithoutAFactorStretchesNothing) {
  const auto config = [&](std::string_view type, std::optional<double> factor,
                          std::optional<double> old = {}) {
    if (!type.empty()) metadata_.values["llama.rope.scaling.type"] = type;
    if (factor) metadata_.values["llama.rope.scaling.factor"] = *factor;
    if (old) metadata_.values["llama.rope.scale_linear"] = *old;
    const DecoderConfig read = read_decoder_config(ConfigReader(metadata_), weights_);
    for (const char* key : {"type", "factor"})
      metadata_.values.erase(std::string("llama.rope.scaling.") + key);
    metadata_.values.erase("llama.rope.scale_linear");
    return read;
  };
  EXPECT_EQ(config("linear", {}).rotary_divisor, 1.0f);
  EXPECT_EQ(config("linear", 0.0).rotary_divisor, 1.0f);
  EXPECT_EQ(config("linear", 4.0).rotary_divisor, 4.0f);
  EXPECT_EQ(config("linear", {}, 3.0).rotary_divisor, 3.0f);
  EXPECT_EQ(config("", 4.0, 3.0).rotary_divisor, 4.0f);
  EXPECT_EQ(config("", {}).rotary_divisor, 1.0f);
  EXPECT_EQ(config("none", 4.0).rotary_divisor, 1.0f);
  EXPECT_EQ(config("yarn", {}).yarn->factor, 1.0f);
  EXPECT_EQ(config("dynamic", 2.0).ntk->trained_context, 64.0f);
  EXPECT_THROW(config("linear", -1.0), FormatError);
  EXPECT_THROW(config("dynamic", {}), FormatError);
  metadata_.values["llama.rope.dimension_count"] = std::int64_t{2};
  EXPECT_THROW(config("dynamic", 2.0), FormatError);
}

TEST_F(ModelErrors, AHeadThatIsLackingIsSaidToWhoWantsIt) {
  metadata_.values["llama.lacks_head"] = std::string_view("fetch the head");
  const auto builder = make_model_builder(metadata_, weights_, *backend_);
  EXPECT_FALSE(builder->info().generates);
  EXPECT_NO_THROW(builder->embed());
  try {
    builder->lm_head();
    FAIL();
  } catch (const FormatError& e) {
    EXPECT_EQ(e.what(), std::string("fetch the head"));
  }
}

TEST_F(ModelErrors, TensorsAreMissingOrOfTheWrongShape) {
  EXPECT_THAT(message<FormatError>(), HasSubstr("weight' is missing"));
  weights_.all.push_back({"output.weight", find_format(FormatId::kF32), {16, 31}, {}});
  const auto builder = make_model_builder(metadata_, weights_, *backend_);
  try {
    builder->lm_head();
    FAIL();
  } catch (const FormatError& e) {
    EXPECT_THAT(
        e.what(),
        HasSubstr("'output.weight' is [16, 31], but the model's description makes it [16, 32]"));
  }
}

/// A file without its token table says what is missing, and not that it holds no model.
TEST_F(ModelErrors, AMissingTokenTableIsNamed) {
  weights_.all.front().name = "output.weight";
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("tensor 'token_embd.weight' is missing, and nothing says that "
                        "'output.weight' stands for it too"));
  weights_.all.front().name = "output_norm.weight";
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("tensor 'token_embd.weight' is missing; the checkpoint is incomplete"));
  weights_.all.front() = {"token_embd.weight", find_format(FormatId::kF32), {16}, {}};
  EXPECT_THAT(message<FormatError>(), HasSubstr("'token_embd.weight' is [16]; expected a matrix"));
  weights_.all.clear();
  EXPECT_THAT(message<FormatError>(),
              HasSubstr("holds no tensors, so it is no model but at most a vocabulary"));
}

}  // namespace
}  // namespace sirocco
