// Encoders of texts for models that draw, out of folders of diffusers: their tokens, rows and
// pooled rows against those of transformers (tests/golden/diffusion), and against themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/diffusers_folder.hpp"
#include "sirocco/formats/gguf.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/clip_text.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/models/text_encoder.hpp"
#include "sirocco/platform/cpu_features.hpp"
#include "sirocco/text/fixed_length.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "tests/golden/recorded_values_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

constexpr double kNear = 1e-5;
using Rows = std::vector<float>;
using Tokens = std::vector<TokenId>;

/// What is recorded of a pipeline.
struct Recorded {
  explicit Recorded(const std::string& pipeline)
      : model(parse_json(read_text(path(pipeline + ".json")), pipeline)),
        values(path(text(model, "values"))) {}
  static std::string path(const std::string& name) {
    return source_path("tests/golden/diffusion/" + name);
  }
  JsonValue model;
  RecordedValues values;
};

Tokens tokens_of(const JsonValue& object, std::string_view name) {
  Tokens out;
  for (const std::int32_t id : ids_member(object, name)) out.emplace_back(id);
  return out;
}

fs::path folder_path(const std::string& name) { return made_golden_path("diffusion/" + name); }

/// An encoder with what it runs on.
class Encoder {
 public:
  struct Options {
    Isa isa = Isa::kRef;
    int threads = 1;
    bool oracle = true;
  };
  Encoder(const Checkpoint& checkpoint, const Options& options)
      : threads_(options.threads),
        backend_(options.oracle ? make_oracle_backend(options.isa, threads_)
                                : make_cpu_backend(options.isa, threads_)),
        canonical_(canonical_checkpoint(checkpoint.metadata, checkpoint.weights)),
        encoder_(*make_model_builder(*canonical_.metadata, *canonical_.weights, *backend_)) {}
  explicit Encoder(const Checkpoint& checkpoint) : Encoder(checkpoint, Options{}) {}

  const TextEncoder& model() const { return encoder_; }
  const Metadata& metadata() const { return *canonical_.metadata; }

  /// All rows of sequences in one step, through the layers before `end`; the pieces of the way
  /// begin at `cuts`.
  Rows rows(const std::vector<Tokens>& texts, std::int32_t end,
            const std::vector<std::int32_t>& cuts = {0}) {
    Tokens all;
    StepRows rows;
    for (const Tokens& tokens : texts) {
      rows.sequences.emplace_back(SequenceId(static_cast<std::int32_t>(rows.sequences.size())),
                                  Position(0), std::ssize(tokens));
      all.insert(all.end(), tokens.begin(), tokens.end());
    }
    rows.outputs.resize(all.size());
    std::iota(rows.outputs.begin(), rows.outputs.end(), 0);
    return run(rows, [&](TransformContext& context) {
      Hidden hidden = encoder_.embed(TokenBatch(all), context);
      for (std::size_t i = 0; i < cuts.size(); ++i) {
        hidden = encoder_.transform(std::move(hidden), LayerIndex(cuts[i]),
                                    LayerIndex(i + 1 < cuts.size() ? cuts[i + 1] : end), context);
      }
      return hidden;
    });
  }
  Rows rows(const std::vector<Tokens>& texts) { return rows(texts, encoder_.info().layers); }

  /// The row with that number of one sequence.
  Rows row(const Tokens& tokens, std::int64_t number) {
    const StepRows rows{{{SequenceId(0), Position(0), std::ssize(tokens)}},
                        {static_cast<std::int32_t>(number)}};
    return run(rows, [&](TransformContext& context) {
      return encoder_.encode(TokenBatch(tokens), context);
    });
  }

 private:
  template <class Encode>
  Rows run(const StepRows& rows, const Encode& encode) {
    const CacheViews none;
    TransformContext context(*backend_, memory_, rows, none);
    const Hidden hidden = encode(context);
    const std::span<const float> values = backend_->read(hidden.values());
    return {values.begin(), values.end()};
  }

  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  StepMemory memory_;
  CanonicalCheckpoint canonical_;
  TextEncoder encoder_;
};

bool same_bits(const Rows& a, const Rows& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

Rows joined(const Rows& a, const Rows& b) {
  Rows all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

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

template <class E>
std::string refusal(const Checkpoint& checkpoint) {
  try {
    Encoder encoder(checkpoint);
  } catch (const E& e) {
    return e.what();
  } catch (const Error& e) {
    return std::string("another kind: ") + e.what();
  }
  return "it was loaded";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
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
