// Folders of embedding models, from their files to vectors.
#include "sirocco/engine/text_embedder.hpp"

#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/load.hpp"
#include "tests/models/golden_testing.hpp"
#include "tests/models/letters_tokenizer_testing.hpp"

namespace sirocco::testing {
namespace {

using Vectors = std::vector<std::vector<float>>;

/// A decoder whose last row is the embedding, as sentence-transformers saves it.
class EmbedderFolder : public ::testing::Test {
 protected:
  EmbedderFolder() {
    fs::create_directories(folder_.path() / "1_Pooling");
    folder_.link_weights_of(kName);
    folder_.write("config.json", config_.dump());
    folder_.write("tokenizer.json", letters_tokenizer_json(false));
    folder_.write("modules.json", R"([{"path": "", "type": "a.Transformer"},
                                      {"path": "1_Pooling", "type": "a.Pooling"},
                                      {"path": "2_Normalize", "type": "a.Normalize"}])");
    folder_.write("1_Pooling/config.json", R"({"pooling_mode_lasttoken": true})");
    folder_.write("config_sentence_transformers.json", R"({"prompts": {"q": "<e>x"}})");
  }
  LoadedEmbedder load(EmbeddingPipelineOptions options = {}) const {
    return load_text_embedder(machine_, folder_.path(),
                              {.placement = {.threads = 1}, .isa = Isa::kRef}, std::move(options));
  }
  static Vectors vectors(const LoadedEmbedder& model, const std::vector<std::string>& texts) {
    Engine engine(machine_);
    return TextEmbedder(engine, engine.add(model.shared_pipeline()), model).embed(texts);
  }
  static std::vector<int> ids(const LoadedEmbedder::Tokenized& text) {
    std::vector<int> out;
    for (const TokenId id : text.tokens) out.push_back(id.value());
    return out;
  }
  Vectors vectors(const std::vector<std::string>& texts,
                  EmbeddingPipelineOptions options = {}) const {
    return vectors(load(std::move(options)), texts);
  }

  static inline Machine machine_;
  static constexpr const char* kName = "qwen3";
  Json config_ = read_json(kModels / kName / "config.json");
  const Scratch folder_;
};

TEST_F(EmbedderFolder, AnEmptyTextStopsNoOther) {
  for (const char* pooling : {"pooling_mode_lasttoken", "pooling_mode_mean_tokens"}) {
    folder_.write("1_Pooling/config.json", Json{{pooling, true}}.dump());
    const Vectors all = vectors({"ab", "", "b", ""});
    // Nothing is left of it behind sentence-transformers' mask, and zeros can't be normalized.
    const std::vector<float> zeros(all[0].size());
    EXPECT_EQ(all, (Vectors{vectors({"ab"})[0], zeros, vectors({"b"})[0], zeros}));
    EXPECT_EQ(vectors({""}), Vectors{zeros});
  }
  folder_.write("tokenizer.json", letters_tokenizer_json(true));
  EXPECT_EQ(ids(load().tokenize("")), std::vector<int>{kSpecialId});
  EXPECT_NE(vectors({""})[0][0], 0.0f);
}

TEST_F(EmbedderFolder, SpecialTokensAreTextUnlessItIsTrusted) {
  const LoadedEmbedder model = load();
  EXPECT_EQ(ids(model.tokenize("a<e>")), (std::vector{26, 53, 30, 54}));
  EXPECT_EQ(ids(model.tokenize("a<e>", {.parse_special = true})), (std::vector{26, kSpecialId}));
  // The prompt is the checkpoint's own.
  EXPECT_EQ(ids(model.tokenize("<e>", {.prompt = "q"})), (std::vector{kSpecialId, 49, 53, 30, 54}));
}

TEST_F(EmbedderFolder, TextsAreLoweredWhereTheModuleSaysSo) {
  const std::vector<int> as_written = ids(load().tokenize("Ab <e>"));
  const std::vector<int> lowered = ids(load().tokenize("ab <e>"));
  EXPECT_NE(as_written, lowered);
  folder_.write("sentence_bert_config.json", R"({"do_lower_case": true})");
  EXPECT_EQ(ids(load().tokenize("Ab <e>")), lowered);
  EXPECT_EQ(ids(load().tokenize("AB <e>", {.parse_special = true})),
            (std::vector{26, 27, 52, kSpecialId}));
  folder_.write("sentence_bert_config.json", R"({"do_lower_case": false})");
  EXPECT_EQ(ids(load().tokenize("Ab <e>")), as_written);
}

TEST_F(EmbedderFolder, ALongTextKeepsWhatTheModelPutsBehindIt) {
  folder_.write("sentence_bert_config.json", R"({"max_seq_length": 4})");
  // Typed, it is part of the text.
  LoadedEmbedder::Tokenized text = load().tokenize("abcdef<e>", {.parse_special = true});
  EXPECT_EQ(ids(text), (std::vector{26, 27, 28, 29}));
  EXPECT_EQ(text.left_out, 3u);
  folder_.write("tokenizer.json", letters_tokenizer_json(true));
  text = load().tokenize("abcdef<e>", {.parse_special = true});
  EXPECT_EQ(ids(text), (std::vector{26, 27, 28, kSpecialId}));
  EXPECT_EQ(text.left_out, 4u);
}

TEST_F(EmbedderFolder, NoHeadIsNeeded) {
  const Vectors whole = vectors({"abc"});
  const auto refusal = [&] {
    LoadOptions options;
    options.placement.threads = 1;
    options.isa = Isa::kRef;
    try {
      (void)load_language_model(machine_, folder_.path(), std::move(options));
    } catch (const FormatError& e) {
      return std::string(e.what());
    }
    return std::string("it was loaded");
  };
  EXPECT_EQ(refusal(), "it was loaded");
  // Its tensor gets the name of a table that is computed here.
  std::ifstream file(kModels / kName / "model.safetensors", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const std::string head = "lm_head.weight";
  const std::string table = "rotary_emb.inv_freq";
  const std::size_t at = bytes.find(head);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, head.size(), table);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  length += table.size() - head.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  fs::remove(folder_.path() / "model.safetensors");
  folder_.write("model.safetensors", bytes);
  EXPECT_EQ(vectors({"abc"}), whole);
  EXPECT_NE(refusal().find("the head is missing"), std::string::npos) << refusal();
  config_["tie_word_embeddings"] = true;
  folder_.write("config.json", config_.dump());
  EXPECT_EQ(refusal(), "it was loaded");
}

/// Up to the positions of config.json a dynamic scaling changes nothing; a longer context, once
/// chosen, has the base that transformers computes for a text of its length.
TEST_F(EmbedderFolder, ADynamicScalingIsChosenByTheContext) {
  const auto scores = [&](std::int32_t context) {
    LoadOptions options;
    options.placement.threads = 1;
    options.isa = Isa::kRef;
    options.pipeline.context = context;
    LoadedModel model = load_language_model(machine_, folder_.path(), std::move(options));
    std::vector<TokenId> tokens;
    for (int i = 0; i < 12; ++i) tokens.emplace_back(i);
    std::vector<float> out;
    model.pipeline().score(tokens, {}, [&](std::int64_t, std::span<const float> logits) {
      out.insert(out.end(), logits.begin(), logits.end());
    });
    return out;
  };
  const auto vector = [&](std::int32_t context) {
    return vectors({"abcdefgh"}, {.context = context})[0];
  };
  config_["max_position_embeddings"] = 16;
  folder_.write("config.json", config_.dump());
  const std::vector<float> plain = scores(16);
  const std::vector<float> plain_vector = vector(16);
  EXPECT_EQ(scores(64), plain);
  config_["rope_parameters"]["rope_type"] = "dynamic";
  config_["rope_parameters"]["factor"] = 2.0;
  folder_.write("config.json", config_.dump());
  for (const std::int32_t context : {0, 12, 16}) {
    EXPECT_EQ(scores(context), plain) << context;
    EXPECT_EQ(vector(context), plain_vector) << context;
  }
  // What a base of 1e6 · (2 · 64 / 16 - 1)^(24 / 22) gives.
  const std::vector<float> stretched = scores(64);
  const std::vector<float> stretched_vector = vector(64);
  config_["rope_parameters"] = {{"rope_type", "default"},
                                {"rope_theta", 1e6 * std::pow(7.0, 24.0 / 22.0)}};
  folder_.write("config.json", config_.dump());
  const std::vector<float> expected = scores(64);
  const std::vector<float> expected_vector = vector(64);
  ASSERT_EQ(stretched.size(), expected.size());
  EXPECT_NE(stretched, plain);
  float largest = 0.0f;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(stretched[i], expected[i], 1e-5f * largest);
  for (std::size_t i = 0; i < expected_vector.size(); ++i)
    ASSERT_NEAR(stretched_vector[i], expected_vector[i], 1e-5f);
}

}  // namespace
}  // namespace sirocco::testing
