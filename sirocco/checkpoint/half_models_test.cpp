// Checkpoints of models in two halves, of which the one that reads is run.
#include "sirocco/checkpoint/canonical.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::ElementsAre;

constexpr std::array kTensors = {
    TensorRule{"shared", "token_embd"},
    TensorRule{"encoder.embed", "output"},
    TensorRule{"encoder.layers.#.part.0.norm", "blk.#.attn_norm"},
    TensorRule{"encoder.layers.#.part.1.norm", "blk.#.ffn_norm"},
};
constexpr std::array<std::string_view, 2> kWriter = {"decoder.", "lm_head."};
constexpr FolderSchema kFolder = {.architecture = "toy",
                                  .model_types = kToyTypes,
                                  .classes = kToyClasses,
                                  .keys = kToyKeys,
                                  .tensors = kTensors,
                                  .encodes = true,
                                  .writer = kWriter,
                                  .one_table = true};

constexpr std::array kGgufTensors = {TensorRule{"enc.blk.#.attn_o", "blk.#.attn_output"},
                                     TensorRule{"enc.output_norm", "output_norm"}};
constexpr std::array<std::string_view, 1> kGgufWriter = {"dec."};
constexpr std::array kGguf = {
    GgufSchema{.architecture = "toy", .tensors = kGgufTensors, .writer = kGgufWriter}};
constexpr std::array<std::string_view, 2> kArchitectures = {"toy", "other"};
constexpr KnownFamilies kFamilies{
    .folders = {}, .gguf_architectures = kArchitectures, .gguf_names = kGguf};

class HalfModels : public ToyFolder {
 protected:
  CanonicalCheckpoint folder_made() const { return canonical_checkpoint(folder, weights, kFolder); }
  CanonicalCheckpoint gguf_made(std::string_view architecture) const {
    folder->values = {{"general.architecture", architecture},
                      {fmt::format("{}.block_count", architecture), std::int64_t{2}}};
    return canonical_checkpoint(folder, weights, kFamilies);
  }
  static std::vector<std::string> names(const CanonicalCheckpoint& checkpoint) {
    std::vector<std::string> out;
    for (const StoredTensor& tensor : checkpoint.weights->tensors()) out.emplace_back(tensor.name);
    return out;
  }
};

TEST_F(HalfModels, RowsMayNameTheSecondNumber) {
  weights->add("shared.weight", {4, 2});
  weights->add("encoder.layers.1.part.0.norm.weight", {2});
  weights->add("encoder.layers.1.part.1.norm.weight", {2});
  const CanonicalCheckpoint made = folder_made();
  EXPECT_THAT(names(made),
              ElementsAre("token_embd.weight", "blk.1.attn_norm.weight", "blk.1.ffn_norm.weight"));
  EXPECT_EQ(made.weights->called("blk.1.ffn_norm.weight"), "'encoder.layers.1.part.1.norm.weight'");
  weights->add("encoder.layers.1.part.2.norm.weight", {2});
  EXPECT_THROW(folder_made(), UnsupportedError);
}

TEST_F(HalfModels, TheOtherHalfIsLeftOutAndCounted) {
  weights->add("shared.weight", {4, 2});
  weights->add("lm_head.weight", {4, 2});
  weights->add("decoder.layers.0.part.0.norm.weight", {2});
  const CanonicalCheckpoint made = folder_made();
  EXPECT_THAT(names(made), ElementsAre("token_embd.weight"));
  ASSERT_EQ(made.passed.size(), 1u);
  EXPECT_EQ(made.passed[0].what, "of the half that writes");
  EXPECT_EQ(made.passed[0].tensors, 2);
  weights->add("decoders.weight", {2, 2});
  EXPECT_THROW(folder_made(), UnsupportedError);
}

TEST_F(HalfModels, TheTableMayHaveItsOtherName) {
  folder->values["config.tie_word_embeddings"] = false;
  weights->add("encoder.embed.weight", {3, 2}, 7.0f);
  CanonicalCheckpoint made = folder_made();
  EXPECT_THAT(names(made), ElementsAre("token_embd.weight"));
  // Of both it is the model's own.
  weights->add("shared.weight", {4, 2}, 1.0f);
  made = folder_made();
  EXPECT_THAT(names(made), ElementsAre("token_embd.weight"));
  EXPECT_EQ(made.weights->find("token_embd.weight")->shape, Shape({4, 2}));
}

TEST_F(HalfModels, GgufFilesMayHaveNamesOfTheirOwn) {
  weights->add("token_embd.weight", {4, 2});
  weights->add("enc.blk.1.attn_o.weight", {2, 2});
  weights->add("enc.output_norm.weight", {2});
  weights->add("dec.blk.0.attn_o.weight", {2, 2});
  weights->add("enc.blk.1.other.weight", {2});
  const CanonicalCheckpoint made = gguf_made("toy");
  EXPECT_THAT(names(made), ElementsAre("token_embd.weight", "blk.1.attn_output.weight",
                                       "output_norm.weight", "enc.blk.1.other.weight"));
  EXPECT_EQ(made.weights->called("blk.0.attn_output.weight"), "'enc.blk.0.attn_o.weight'");
  ASSERT_EQ(made.passed.size(), 1u);
  EXPECT_EQ(made.passed[0].tensors, 1);
  // Those of another architecture aren't renamed.
  EXPECT_EQ(gguf_made("other").weights, weights);
}

TEST_F(HalfModels, OneTensorHasOneName) {
  weights->add("token_embd.weight", {4, 2});
  weights->add("enc.output_norm.weight", {2});
  weights->add("output_norm.weight", {2});
  EXPECT_THROW(gguf_made("toy"), FormatError);
}

}  // namespace
}  // namespace sirocco::testing
