// T5 in GGUF files, described otherwise, and as a model of embeddings.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "sirocco/engine/text_embedder.hpp"
#include "sirocco/formats/gguf.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"
#include "sirocco/formats/safetensors_file_testing.hpp"
#include "tests/golden/counted_values_testing.hpp"
#include "tests/models/text_encoder_testing.hpp"

namespace sirocco::testing {
namespace {

/// A GGUF file of a folder's T5, under the names that llama.cpp's converter gives it.
std::vector<std::byte> as_gguf(const Checkpoint& folder, const std::string& architecture,
                               bool with_writer) {
  const CanonicalCheckpoint canonical = canonical_checkpoint(folder.metadata, folder.weights);
  GgufTestFile file;
  file.text("general.architecture", architecture);
  for (const char* const key :
       {"block_count", "context_length", "embedding_length", "feed_forward_length",
        "attention.head_count", "attention.key_length", "attention.value_length",
        "attention.relative_buckets_count"}) {
    const auto value = canonical.metadata->require<std::int64_t>(std::string("t5encoder.") + key);
    file.scalar<std::uint32_t>(architecture + "." + key, gguf_type::kU32,
                               static_cast<std::uint32_t>(value));
  }
  for (const char* const key : {"layer_norm_rms_epsilon", "layer_norm_epsilon"})
    file.scalar<float>(architecture + ".attention." + key, gguf_type::kF32, 1e-6f);
  for (const StoredTensor& tensor : canonical.weights->tensors()) {
    std::string name(tensor.name);
    if (const auto at = name.find("attn_output"); at != std::string::npos)
      name.replace(at, 11, "attn_o");
    if (name != "token_embd.weight") name = "enc." + name;
    Rows values(static_cast<std::size_t>(tensor.shape.elements()));
    tensor.read_rows(0, tensor.rows(), reinterpret_cast<std::byte*>(values.data()));
    std::vector<std::uint64_t> dims;
    for (int axis = tensor.shape.rank(); axis-- > 0;)
      dims.push_back(static_cast<std::uint64_t>(tensor.shape[axis]));
    file.floats(name, dims, values);
  }
  if (with_writer) {
    file.floats("dec.blk.0.attn_q.weight", {2, 1}, {1, 2});
    file.floats("dec.output_norm.weight", {2}, {1, 2});
    file.floats("output.weight", {2, 1}, {1, 2});
  }
  return file.bytes();
}

TEST(T5, OfGgufFilesHasTheBitsOfFolders) {
  const Recorded recorded("dev");
  const std::vector<Tokens> texts = {tokens_of(member(recorded.model, "t5"), "ids")};
  const Checkpoint folder = DiffusersFolder(folder_path("dev")).open(PartRole::kTextEncoder2);
  const Rows expected = Encoder(folder).rows(texts);
  for (const bool with_writer : {false, true}) {
    const std::vector<std::byte> bytes =
        as_gguf(folder, with_writer ? "t5" : "t5encoder", with_writer);
    EXPECT_TRUE(same_bits(Encoder(open_gguf(bytes, "t5.gguf")).rows(texts), expected));
  }
  // An ungated one. Its file lacks how far its buckets reach: distances up to 2 have their own.
  const Checkpoint plain = DiffusersFolder(folder_path("schnell")).open(PartRole::kTextEncoder2);
  Encoder encoder(open_gguf(as_gguf(plain, "t5encoder", false), "t5.gguf"));
  const std::vector<Tokens> near = {Tokens(texts[0].begin(), texts[0].begin() + 3)};
  EXPECT_TRUE(same_bits(encoder.rows(near), Encoder(plain).rows(near)));
}

/// A folder's description with other values.
class ChangedMetadata final : public Metadata {
 public:
  ChangedMetadata(std::shared_ptr<const Metadata> whole, std::string path, MetadataValue value)
      : whole_(std::move(whole)), path_(std::move(path)), value_(std::move(value)) {}
  const MetadataValue* find(std::string_view path) const override {
    return path == path_ ? &value_ : whole_->find(path);
  }
  std::vector<std::string_view> paths() const override { return whole_->paths(); }
  std::string_view origin() const override { return whole_->origin(); }

 private:
  std::shared_ptr<const Metadata> whole_;
  std::string path_;
  MetadataValue value_;
};

TEST(T5, MembersThatAskForWhatIsntThereAreRefused) {
  const Checkpoint folder = DiffusersFolder(folder_path("dev")).open(PartRole::kTextEncoder2);
  const auto with = [&](const std::string& member, MetadataValue value) {
    Checkpoint changed = folder;
    changed.metadata = std::make_shared<const ChangedMetadata>(folder.metadata, "config." + member,
                                                               std::move(value));
    return changed;
  };
  using std::string_view;
  EXPECT_TRUE(
      contains(refusal<UnsupportedError>(with("feed_forward_proj", string_view("gated-mish"))),
               "'gated-mish'; known are relu, gelu, gelu_new"));
  // Another feed-forward than the tensors are of.
  EXPECT_TRUE(contains(refusal<UnsupportedError>(with("feed_forward_proj", string_view("relu"))),
                       "DenseReluDense.wi_0"));
  EXPECT_TRUE(contains(refusal<UnsupportedError>(with("is_decoder", true)), "is_decoder"));
  EXPECT_TRUE(
      contains(refusal<FormatError>(with("relative_attention_max_distance", std::int64_t{8})),
               "32 buckets of distances up to 8"));
  EXPECT_TRUE(
      contains(refusal<FormatError>(with("relative_attention_max_distance", std::int64_t{1} << 24)),
               "elements"));
  EXPECT_TRUE(
      contains(refusal<FormatError>(with("relative_attention_num_buckets", std::int64_t{30})),
               "relative_attention_bias.weight' is [32, 3]"));
  EXPECT_TRUE(contains(refusal<FormatError>(with("vocab_size", std::int64_t{195})), "194 rows"));
}

// As sentence-transformers has it: the mean of the rows, and a product.
TEST(T5, MakesEmbeddingsWhereAFolderSaysHow) {
  const fs::path folder =
      fs::path(::testing::TempDir()) / fmt::format("sirocco_sentence_t5_{}", getpid());
  const auto write = [&](const std::string& name, std::string_view text) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  fs::copy(folder_path("dev/text_encoder_2"), folder);
  fs::copy(folder_path("dev/tokenizer_2"), folder);
  write("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  write("2_Dense/config.json",
        R"({"activation_function": "torch.nn.modules.linear.Identity", "bias": false})");
  constexpr std::size_t kWidth = 28;
  constexpr std::size_t kOut = 5;
  Rows dense(kOut * kWidth);
  CountedValues(1, "dense").fill(0.0f, 1.0f, dense);
  write("2_Dense/model.safetensors",
        SafetensorsTestFile().tensor("linear.weight", "F32", "[5, 28]", dense).bytes());

  Machine machine;
  const LoadedEmbedder embedder = load_text_embedder(machine, folder, {});
  const std::vector<Tokens> texts = {embedder.tokenize("the red fox", {}).tokens};
  Engine engine(machine);
  const std::vector<EmbeddingEvent> made =
      embed_all(engine, engine.add(embedder.shared_pipeline()), texts);
  ASSERT_EQ(made.at(0).size(), kOut);
  const Rows rows =
      Encoder(DiffusersFolder(folder_path("dev")).open(PartRole::kTextEncoder2)).rows(texts);
  for (std::size_t i = 0; i < kOut; ++i) {
    double sum = 0;
    for (std::size_t at = 0; at < rows.size(); ++at)
      sum += double{rows[at]} * dense[i * kWidth + at % kWidth];
    EXPECT_NEAR(made[0][i], sum / static_cast<double>(texts[0].size()), 1e-4);
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace sirocco::testing
