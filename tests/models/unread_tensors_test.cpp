// No tensor is left out of a model in silence, whatever its name.
#include <array>
#include <map>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/kernels/cpu/cpu_backend.hpp"
#include "sirocco/models/registry.hpp"
#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

/// A checkpoint's weights with another tensor, which has a shape that no model asks for, or without
/// one of its own.
class OtherTensors final : public WeightSource {
 public:
  OtherTensors(std::shared_ptr<const WeightSource> source, std::span<const std::string> more,
               std::string_view without = {})
      : source_(std::move(source)), tensors_(source_->tensors().begin(), source_->tensors().end()) {
    std::erase_if(tensors_, [&](const StoredTensor& tensor) { return tensor.name == without; });
    for (const std::string& name : more) {
      tensors_.push_back(
          {name, find_format(FormatId::kF32), {13}, std::as_bytes(std::span(values_))});
    }
  }
  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view name) const override {
    const auto found = std::ranges::find(tensors_, name, &StoredTensor::name);
    return found == tensors_.end() ? nullptr : &*found;
  }
  void release(const StoredTensor& /*tensor*/) const override {}
  std::string_view origin() const override { return source_->origin(); }

 private:
  std::array<float, 13> values_{};
  std::shared_ptr<const WeightSource> source_;
  std::vector<StoredTensor> tensors_;
};

/// A description with other numbers.
class OtherNumbers final : public Metadata {
 public:
  OtherNumbers(std::shared_ptr<const Metadata> metadata,
               std::map<std::string, MetadataValue, std::less<>> values)
      : metadata_(std::move(metadata)), values_(std::move(values)) {}
  const MetadataValue* find(std::string_view path) const override {
    const auto at = values_.find(path);
    return at == values_.end() ? metadata_->find(path) : &at->second;
  }
  std::vector<std::string_view> paths() const override { return metadata_->paths(); }
  std::string_view origin() const override { return metadata_->origin(); }

 private:
  std::shared_ptr<const Metadata> metadata_;
  std::map<std::string, MetadataValue, std::less<>> values_;
};

/// Those of all architectures that the `gguf` package knows, and some more.
std::vector<std::string> all_names() {
  std::ifstream file(kGolden / "gguf/tensor_names.txt");
  std::vector<std::string> out = {"direction.1", "dense.0.weight", "anything", "blk.0.attn_q.scale",
                                  "blk.0.ffn_gate_exps.scale"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    if (const auto at = line.find("{bid}"); at != std::string::npos) line.replace(at, 5, "0");
    out.push_back(line + ".weight");
  }
  return out;
}

class AnyName : public ::testing::TestWithParam<const char*> {
 protected:
  AnyName() : opened_(open_checkpoint(kMade / GetParam())) {}

  /// What is said of a checkpoint with that tensor too; empty: it was run.
  std::string refusal(const std::string& name) {
    CanonicalCheckpoint canonical = canonical_checkpoint(
        opened_.metadata,
        std::make_shared<const OtherTensors>(opened_.weights, std::span(&name, 1)));
    passes_ = !canonical.passed.empty();
    try {
      const auto builder = make_model_builder(*canonical.metadata, *canonical.weights, *backend_);
      if (passes_) return "";
      // Of the layers only the first has more than it should.
      if (name.starts_with("blk.")) {
        builder->blocks({LayerIndex(0), LayerIndex(1)});
        return "";
      }
      builder->embed();
      builder->blocks({LayerIndex(builder->info().layers - 1), LayerIndex(builder->info().layers)});
      builder->projections();
      if (builder->info().generates) builder->lm_head();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

  Checkpoint opened_;
  ThreadGroup threads_{1};
  std::unique_ptr<Backend> backend_ = make_cpu_backend(Isa::kRef, threads_);
  bool passes_ = false;
};

TEST_P(AnyName, IsReadRefusedOrPassedByTheTable) {
  std::vector<std::string> names = all_names();
  std::set<std::string_view> has;
  for (const StoredTensor& tensor : opened_.weights->tensors()) {
    has.insert(tensor.name);
    // Norms and tables have biases in some families, projections in nearly all.
    if (tensor.name.ends_with(".weight") &&
        (tensor.name.starts_with("blk.0.") || !tensor.name.starts_with("blk.")))
      names.push_back(std::string(tensor.name.substr(0, tensor.name.rfind('.'))) + ".bias");
  }
  int refused = 0;
  for (const std::string& name : names) {
    if (has.contains(name)) continue;
    const std::string said = refusal(name);
    // An encoder has no head to be without.
    if (name.starts_with("output.") && said.empty()) continue;
    EXPECT_NE(passes_, said.find(sirocco::quoted(name)) != std::string::npos) << name << said;
    if (!said.empty()) ++refused;
  }
  EXPECT_GT(refused, 150);
  for (const char* name : {"blk.99.attn_q.weight", "blk.99.anything"})
    EXPECT_NE(refusal(name).find("is of layer 99"), std::string::npos) << refusal(name);
  EXPECT_EQ(refusal("blk.99.nextn.enorm.weight"), "");
  EXPECT_TRUE(passes_);
}

INSTANTIATE_TEST_SUITE_P(Models, AnyName,
                         ::testing::Values("models/llama-gqa.gguf", "models/mixtral.gguf",
                                           "models/gemma2.gguf", "models/gemma3.gguf",
                                           "models/qwen2.gguf", "models/qwen3.gguf",
                                           "models/qwen3moe.gguf", "models/gpt2.gguf",
                                           "models/phi2.gguf", "models/gpt-oss.gguf",
                                           "models/deepseek2.gguf", "models/deepseek2-old.gguf",
                                           "models/deepseek3.gguf", "embeddings/bert.gguf",
                                           "embeddings/gemma-embedding.gguf"),
                         [](const auto& each) {
                           std::string name = fs::path(each.param).stem();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

std::string refusal_without(const fs::path& file, std::string_view name) {
  const Checkpoint opened = open_checkpoint(kMade / file);
  EXPECT_NE(opened.weights->find(name), nullptr) << name;
  ThreadGroup threads(1);
  const auto backend = make_cpu_backend(Isa::kRef, threads);
  const OtherTensors weights(opened.weights, {}, name);
  try {
    make_model_builder(*opened.metadata, weights, *backend);
  } catch (const FormatError& e) {
    return e.what();
  }
  return "";
}

/// What every folder of a family must have beside a tensor, a GGUF file of it must have too.
TEST(Companions, OfGgufFilesMustBeThere) {
  for (const auto& [file, name] : {std::pair("models/qwen3.gguf", "blk.1.attn_k_norm.weight"),
                                   std::pair("models/gemma3.gguf", "blk.0.attn_q_norm.weight"),
                                   std::pair("models/gpt-oss.gguf", "blk.0.attn_sinks.weight"),
                                   std::pair("models/gpt-oss.gguf", "blk.1.ffn_down_exps.bias"),
                                   std::pair("models/gpt2.gguf", "blk.1.attn_output.bias"),
                                   std::pair("models/phi2.gguf", "output.bias"),
                                   std::pair("embeddings/bert.gguf", "blk.0.ffn_up.bias")}) {
    const std::string said = refusal_without(file, name);
    EXPECT_NE(said.find("tensor '" + std::string(name) + "' is missing"), std::string::npos)
        << name << ": " << said;
  }
  // llama.cpp runs the architecture with and without them.
  EXPECT_EQ(refusal_without("models/qwen2.gguf", "blk.0.attn_q.bias"), "");
}

/// A GGUF file counts layers that guess further tokens among its layers.
TEST(GuessingLayers, AreNotRun) {
  const std::string name = "qwen3";
  const Checkpoint opened = open_checkpoint(kModels / (name + ".gguf"));
  const auto layers = opened.metadata->require<std::int64_t>("qwen3.block_count");
  const std::string block = "blk." + std::to_string(layers);
  const std::vector<std::string> more = {block + ".nextn.eh_proj.weight", block + ".attn_q.weight"};
  const auto weights = std::make_shared<const OtherTensors>(opened.weights, more);
  const auto described = std::make_shared<const OtherNumbers>(
      opened.metadata,
      std::map<std::string, MetadataValue, std::less<>>{
          {"qwen3.block_count", layers + 1}, {"qwen3.nextn_predict_layers", std::int64_t{1}}});
  StepRunner::Options options;
  options.isa = Isa::kRef;
  options.oracle = true;
  StepRunner runner(Checkpoint{described, weights, nullptr}, options);
  EXPECT_EQ(runner.info().layers, layers);
  expect_same_bits(runner.step({{0, prompt_of(description(name))}}),
                   logits(kModels / (name + ".gguf"), name));
}

}  // namespace
}  // namespace sirocco::testing
