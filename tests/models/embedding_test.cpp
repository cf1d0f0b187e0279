// Models that make embeddings: against recorded rows of transformers (tests/golden/README.md), and
// the numeric contract of the pipeline that runs them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/text_embedder.hpp"
#include "sirocco/formats/broken_row_testing.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/registry.hpp"
#include "sirocco/pipeline/embedding_pipeline.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"
#include "sirocco/platform/cpu_features.hpp"
#include "tests/models/npy_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;
using Vectors = std::vector<std::vector<float>>;
using Sequences = std::vector<std::vector<TokenId>>;

const fs::path kRecorded = source_path("tests/golden/embeddings");
const fs::path kFolder = made_golden_path("embeddings");

nlohmann::json description(const std::string& name) {
  std::ifstream file(kRecorded / (name + ".json"));
  return nlohmann::json::parse(file);
}

Sequences sequences_of(const nlohmann::json& d) {
  Sequences out;
  for (const auto& sequence : d["sequences"])
    for (out.emplace_back(); const std::int32_t id : sequence) out.back().emplace_back(id);
  return out;
}

/// A model on an engine of its own.
class Embedder {
 public:
  explicit Embedder(const fs::path& file, EmbeddingPipelineOptions options = {},
                    Isa isa = Isa::kRef, int threads = 1, bool oracle = false)
      : threads_(threads),
        backend_(oracle ? make_oracle_backend(isa, threads_) : make_cpu_backend(isa, threads_)) {
    const Checkpoint checkpoint = open_checkpoint(file);
    const auto canonical = canonical_checkpoint(checkpoint.metadata, checkpoint.weights);
    const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *backend_);
    pipeline_ =
        make_embedding_pipeline(*builder, {*backend_, machine_.ledger()}, std::move(options));
    handle_ = engine_.add(pipeline_);
  }
  EmbeddingPipeline& pipeline() { return *pipeline_; }
  Vectors embed(std::span<const std::vector<TokenId>> sequences) {
    return embed_all(engine_, *handle_, sequences);
  }

 private:
  Machine machine_;
  ThreadGroup threads_;
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<EmbeddingPipeline> pipeline_;
  Engine engine_{machine_};
  std::optional<Handle<EmbeddingPipeline>> handle_;
};

EmbeddingPipelineOptions plain(std::optional<Pooling> pooling = {}) {
  return {.pooling = pooling, .normalize = false, .kv_type = KvType::kF32};
}

/// The recorded vectors [.., N, D], those of the `block`-th N.
Vectors recorded(const nlohmann::json& file, std::size_t count, std::size_t block = 0) {
  const auto all = read_npy_floats(kRecorded / file.get<std::string>());
  const std::int64_t width = all.shape.back();
  Vectors out;
  for (std::size_t i = block * count; i < (block + 1) * count; ++i) {
    const auto begin = all.values.begin() + static_cast<std::ptrdiff_t>(i) * width;
    out.emplace_back(begin, begin + width);
  }
  return out;
}

/// Largest difference over largest value, of the worst sequence.
float relative_difference(const Vectors& ours, const Vectors& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  float worst = 0.0f;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(ours[i].size(), theirs[i].size());
    float difference = 0.0f;
    float largest = 0.0f;
    for (std::size_t k = 0; k < theirs[i].size(); ++k) {
      const float apart = std::abs(ours[i][k] - theirs[i][k]);
      difference = apart <= difference ? difference : apart;  // a NaN stays
      largest = std::max(largest, std::abs(theirs[i][k]));
    }
    const float relative = difference / largest;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    dot += double{a[k]} * b[k];
    aa += double{a[k]} * a[k];
    bb += double{b[k]} * b[k];
  }
  return dot / std::sqrt(aa * bb);
}

bool same_bits(const Vectors& a, const Vectors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
  });
}

class Embedding : public ::testing::TestWithParam<std::string> {};

class FolderEmbedding : public ::testing::TestWithParam<std::string> {};

TEST_P(FolderEmbedding, GivesTheBitsOfTheGguf) {
  const nlohmann::json d = description(GetParam());
  const Sequences sequences = sequences_of(d);
  const auto with = [&](const char* form) {
    const auto options = plain(Pooling::kMean);
    return Embedder(kFolder / d[form].get<std::string>(), options).embed(sequences);
  };
  EXPECT_TRUE(same_bits(with("folder"), with("file")));
}

INSTANTIATE_TEST_SUITE_P(Models, FolderEmbedding, ::testing::Values("bert", "gemma-embedding"),
                         [](const auto& each) { return each.param.substr(0, 4) + "_folder"; });

TEST_P(Embedding, RowsPooledAreThoseOfTransformers) {
  const nlohmann::json d = description(GetParam());
  const Sequences sequences = sequences_of(d);
  const fs::path file = kFolder / d["file"].get<std::string>();
  if (d.contains("embeddings")) {
    EXPECT_LT(relative_difference(Embedder(file, plain()).embed(sequences),
                                  recorded(d["embeddings"], sequences.size())),
              1e-4f);
    return;
  }
  std::size_t block = 0;
  for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
    EXPECT_LT(relative_difference(Embedder(file, plain(pooling)).embed(sequences),
                                  recorded(d["pooled"], sequences.size(), block++)),
              1e-4f);
  }
}

// Where the file holds floats, nothing is rounded but the weights, which the recorded rows were
// computed from. Where it holds integers, activations are rounded to int8 in blocks of 32: a step
// of amax / 127, an error of its 12th root, which for rows that are normal (amax 2 to 2.5) is about
// 0.6 % of a row's length; the weights' errors aren't counted. Of the four products that a row goes
// through in each of two layers, none outweighs another, and norms keep lengths: 0.006 · √8 = 1.7 %
// of the row's length in all, a cosine of 1 - 0.017² / 2 = 0.99986. Twice that error is the bound.
TEST_P(Embedding, VariantsInOtherFormatsStayNear) {
  const nlohmann::json d = description(GetParam());
  const Sequences sequences = sequences_of(d);
  for (const auto& variant : d["variants"]) {
    SCOPED_TRACE(variant["file"].get<std::string>());
    const Vectors expected = recorded(variant["means"], sequences.size());
    const Vectors ours =
        Embedder(kFolder / variant["file"].get<std::string>(), plain(Pooling::kMean))
            .embed(sequences);
    if (variant["format"] == "BF16") {
      EXPECT_LT(relative_difference(ours, expected), 1e-4f);
    } else {
      for (std::size_t i = 0; i < ours.size(); ++i)
        EXPECT_GT(cosine(ours[i], expected[i]), 1.0 - 0.034 * 0.034 / 2) << i;
    }
  }
}

TEST_P(Embedding, OfASequenceAreItsOwnBits) {
  const nlohmann::json d = description(GetParam());
  Sequences sequences = sequences_of(d);
  std::vector<fs::path> files = {kFolder / d["file"].get<std::string>()};
  for (const auto& variant : d["variants"])
    files.push_back(kFolder / variant["file"].get<std::string>());
  for (const fs::path& file : files) {
    Sequences reversed(sequences.rbegin(), sequences.rend());
    for (const IsaTraits& tier : isa_table()) {
      if (!CpuFeatures::detect().contains(tier.required)) continue;
      Embedder oracle(file, {}, tier.isa, 1, true);
      Vectors alone;
      for (const auto& sequence : sequences) alone.push_back(oracle.embed({{sequence}})[0]);
      EXPECT_TRUE(same_bits(oracle.embed(sequences), alone));
      const Vectors backwards(alone.rbegin(), alone.rend());
      for (const int threads : {1, 2, 3}) {
        EmbeddingPipelineOptions options;
        options.max_step = threads == 2 ? 80 : 8192;  // the longest sequence, or all
        Embedder other(file, options, tier.isa, threads);
        EXPECT_TRUE(same_bits(other.embed(reversed), backwards))
            << file << ", " << tier.name << ", " << threads;
      }
    }
  }
}

TEST_P(Embedding, AreCutBeforeTheyAreNormalized) {
  const nlohmann::json d = description(GetParam());
  const Sequences sequences = sequences_of(d);
  const fs::path file = kFolder / d["file"].get<std::string>();
  const Vectors whole = Embedder(file, {.normalize = false}).embed(sequences);
  Embedder cut(file, {.dimensions = 7});
  EXPECT_EQ(cut.pipeline().width(), 7);
  const Vectors ours = cut.embed(sequences);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    double squares = 0.0;
    for (std::size_t k = 0; k < 7; ++k) squares += double{whole[i][k]} * whole[i][k];
    ASSERT_EQ(ours[i].size(), 7u);
    for (std::size_t k = 0; k < 7; ++k)
      EXPECT_NEAR(ours[i][k], whole[i][k] / std::sqrt(squares), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Embedding,
                         ::testing::Values("bert", "bert-wide", "gemma-embedding", "qwen3-last"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

template <class E, class F>
std::string message(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing of that kind was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Modules, projections and all: the bits of the GGUF file, which says the same in its own words. No
// module normalizes, so that the lengths stay.
TEST_P(Embedding, OfFoldersAreThoseOfFiles) {
  const nlohmann::json d = description(GetParam());
  if (!d.contains("folder")) return;
  const Sequences sequences = sequences_of(d);
  const Vectors expected =
      Embedder(kFolder / d["file"].get<std::string>(), {.normalize = false}).embed(sequences);
  Machine machine;
  const LoadedEmbedder folder =
      load_text_embedder(machine, kFolder / d["folder"].get<std::string>(),
                         {.placement = {.threads = 1}, .isa = Isa::kRef});
  Engine engine(machine);
  EXPECT_TRUE(
      same_bits(embed_all(engine, engine.add(folder.shared_pipeline()), sequences), expected));
  EXPECT_EQ(folder.max_tokens(), 64);
  EXPECT_EQ(folder.prompts().at("query"), "task: search result | query: ");
}

TEST(EmbeddingPipeline, AStepIsManySequences) {
  const Sequences sequences = sequences_of(description("bert"));
  Embedder model(kFolder / "bert.gguf", {.max_sequences = 64});
  const Vectors expected = model.embed(sequences);
  const std::vector<std::span<const TokenId>> step(sequences.begin(), sequences.end());
  EXPECT_TRUE(same_bits(model.pipeline().step(step), expected));
  EXPECT_TRUE(
      contains(message<InvalidArgument>([&] { model.pipeline().step({}); }), "at least one"));
  const std::vector<std::span<const TokenId>> many(65, sequences[0]);
  EXPECT_TRUE(contains(message<InvalidArgument>([&] { model.pipeline().step(many); }), "65"));
  const std::vector<TokenId> outside = {TokenId(157)};
  EXPECT_TRUE(
      contains(message<InvalidArgument>([&] { model.embed({{outside}}); }), "no token 157"));
  const std::vector<TokenId> long_one(97, TokenId(3));
  EXPECT_TRUE(contains(message<InvalidArgument>([&] { model.embed({{long_one}}); }), "97 tokens"));
}

// More texts than there can be at a time, and than wait in the engine's queue.
TEST(EmbeddingPipeline, ManyTextsWaitForTheirTurn) {
  const Sequences sequences = sequences_of(description("bert"));
  Embedder model(kFolder / "bert.gguf", {.max_sequences = 3});
  Sequences many;
  for (int i = 0; i < 40; ++i)
    many.push_back(sequences[static_cast<std::size_t>(i) % sequences.size()]);
  many.insert(many.begin() + 5, std::vector<TokenId>());
  Vectors expected;
  for (const auto& one : many) expected.push_back(model.embed({{one}})[0]);
  EXPECT_TRUE(same_bits(model.embed(many), expected));
}

TEST(EmbeddingPipeline, NotANumberIsNoEmbedding) {
  const Sequences sequences = {{TokenId(3), TokenId(4)}, {TokenId(3), TokenId(9)}};
  const std::vector<std::span<const TokenId>> step(sequences.begin(), sequences.end());
  for (const bool normalize : {true, false}) {
    const EmbeddingPipelineOptions options{.normalize = normalize};
    Embedder whole(kFolder / "bert.gguf", options);
    Embedder broken(formats_testing::with_broken_row(kFolder / "bert.gguf", "token_embd.weight", 9),
                    options);
    const Vectors made = broken.pipeline().step(step);
    EXPECT_EQ(made[0], whole.embed(sequences)[0]);
    EXPECT_TRUE(made[1].empty());
    EXPECT_TRUE(contains(message<NotANumber>([&] { broken.embed(sequences); }), "text 2: "));
  }
}

TEST(EmbeddingPipeline, SaysWhatDoesntFit) {
  const auto made = [](const char* file, EmbeddingPipelineOptions options) {
    return message<InvalidArgument>([&] { Embedder(kFolder / file, std::move(options)); });
  };
  // Its table of positions ends there.
  EXPECT_TRUE(contains(made("bert.gguf", {.context = 97}), "the model has 96"));
  EXPECT_TRUE(contains(made("bert.gguf", {.dimensions = 61}), "have 60"));
  EXPECT_TRUE(contains(made("gemma-embedding.gguf", {.dimensions = 25}), "have 24"));
  EXPECT_TRUE(contains(made("../models/qwen3.gguf", {}), "choose a pooling"));
}

TEST(EmbeddingPipeline, AnEncoderWritesNoText) {
  ThreadGroup threads(1);
  ByteLedger ledger(UINT64_MAX);
  const auto backend = make_cpu_backend(Isa::kRef, threads);
  for (const char* file : {"bert.gguf", "gemma-embedding.gguf"}) {
    const Checkpoint checkpoint = open_checkpoint(kFolder / file);
    const auto builder = make_model_builder(*checkpoint.metadata, *checkpoint.weights, *backend);
    EXPECT_FALSE(builder->info().generates);
    EXPECT_TRUE(contains(message<UnsupportedError>([&] {
                           make_language_pipeline(*builder, StagePlace{*backend, ledger}, {});
                         }),
                         "sirocco embed"));
  }
}

}  // namespace
}  // namespace sirocco::testing
