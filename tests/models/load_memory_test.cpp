// What a loaded model takes of the machine's memory: its panels, and nothing of its file.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "sirocco/engine/load.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::uint64_t kWidth = 512;
constexpr std::uint64_t kFeedForward = 2048;
constexpr std::uint64_t kVocabulary = 65536;
constexpr std::uint64_t kExperts = 32;

/// A file that is removed with it.
class ModelFile {
 public:
  explicit ModelFile(bool tied)
      : path_(std::filesystem::path(testing::TempDir()) /
              fmt::format("sirocco-load-memory-{}.gguf", ::getpid())) {
    GgufTestFile file;
    file.text("general.architecture", "llama");
    const auto number = [&](const char* key, std::uint32_t value) {
      file.scalar(fmt::format("llama.{}", key), gguf_type::kU32, value);
    };
    number("block_count", 2);
    number("context_length", 64);
    number("embedding_length", kWidth);
    number("feed_forward_length", kFeedForward);
    number("attention.head_count", 8);
    number("attention.head_count_kv", 8);
    number("vocab_size", kVocabulary);
    file.scalar("llama.attention.layer_norm_rms_epsilon", gguf_type::kF32, 1e-5f);
    // All data are zeros that no disk holds: the file is made without holding it in memory.
    std::int64_t data = 0;
    const auto tensor = [&](const std::string& name, const std::vector<std::uint64_t>& dims,
                            FormatId id) {
      file.describe(name + ".weight", dims, static_cast<std::uint32_t>(id),
                    static_cast<std::uint64_t>(data));
      std::int64_t elements = 1;
      for (const std::uint64_t dim : dims) elements *= static_cast<std::int64_t>(dim);
      data += static_cast<std::int64_t>(row_bytes(*find_format(id), elements));
    };
    const auto matrix = [&](const std::string& name, std::uint64_t outputs, std::uint64_t inputs) {
      tensor(name, {inputs, outputs}, FormatId::kQ8_0);
    };
    matrix("token_embd", kVocabulary, kWidth);
    for (int layer = 0; layer < 2; ++layer) {
      const std::string stem = fmt::format("blk.{}.", layer);
      tensor(stem + "attn_norm", {kWidth}, FormatId::kF32);
      tensor(stem + "ffn_norm", {kWidth}, FormatId::kF32);
      for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
        matrix(stem + name, kWidth, kWidth);
      matrix(stem + "ffn_gate", kFeedForward, kWidth);
      matrix(stem + "ffn_up", kFeedForward, kWidth);
      matrix(stem + "ffn_down", kWidth, kFeedForward);
    }
    tensor("output_norm", {kWidth}, FormatId::kF32);
    if (!tied) matrix("output", kVocabulary, kWidth);
    const GgufBytes header = file.header().pad(file.alignment);
    size_ = std::ssize(header.bytes()) + data;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(header.bytes().data()), std::ssize(header.bytes()));
    std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(size_));
  }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  ~ModelFile() { std::filesystem::remove(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::int64_t size() const { return size_; }

 private:
  std::filesystem::path path_;
  std::int64_t size_ = 0;
};

/// A folder that is removed with it: Llama with a head that is its token table saved twice, or
/// Mixtral with the experts of a layer in one tensor, all BF16.
class ModelFolder {
 public:
  explicit ModelFolder(bool experts)
      : path_(std::filesystem::path(testing::TempDir()) /
              fmt::format("sirocco-load-memory-{}", ::getpid())) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "config.json") << fmt::format(
        R"({{"model_type": "{}", "hidden_size": {}, "intermediate_size": {}, "vocab_size": {},
            "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 8,
            "max_position_embeddings": 64, "tie_word_embeddings": true,
            "num_local_experts": {}}})",
        experts ? "mixtral" : "llama", kWidth, kFeedForward, kVocabulary, kExperts);
    std::string header;
    std::int64_t data = 0;
    const auto tensor = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
      std::int64_t bytes = 2;
      for (const std::uint64_t extent : shape) bytes *= static_cast<std::int64_t>(extent);
      header +=
          fmt::format(R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})",
                      header.empty() ? "" : ",", name, fmt::join(shape, ","), data, data + bytes);
      data += bytes;
    };
    tensor("model.embed_tokens.weight", {kVocabulary, kWidth});
    if (!experts) tensor("lm_head.weight", {kVocabulary, kWidth});
    for (int layer = 0; layer < 2; ++layer) {
      const std::string stem = fmt::format("model.layers.{}.", layer);
      tensor(stem + "input_layernorm.weight", {kWidth});
      tensor(stem + "post_attention_layernorm.weight", {kWidth});
      for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"})
        tensor(fmt::format("{}self_attn.{}.weight", stem, name), {kWidth, kWidth});
      if (experts) {
        tensor(stem + "mlp.gate.weight", {kExperts, kWidth});
        tensor(stem + "mlp.experts.gate_up_proj", {kExperts, 2 * kFeedForward, kWidth});
        tensor(stem + "mlp.experts.down_proj", {kExperts, kWidth, kFeedForward});
      } else {
        tensor(stem + "mlp.gate_proj.weight", {kFeedForward, kWidth});
        tensor(stem + "mlp.up_proj.weight", {kFeedForward, kWidth});
        tensor(stem + "mlp.down_proj.weight", {kWidth, kFeedForward});
      }
    }
    tensor("model.norm.weight", {kWidth});
    const std::string text = "{" + header + "}";
    const std::uint64_t length = text.size();
    std::ofstream(weights(), std::ios::binary)
        .write(reinterpret_cast<const char*>(&length), sizeof length)
        .write(text.data(), std::ssize(text));
    std::filesystem::resize_file(weights(),
                                 sizeof length + length + static_cast<std::uint64_t>(data));
    size_ = data;
  }
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;
  ~ModelFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path weights() const { return path_ / "model.safetensors"; }
  std::int64_t size() const { return size_; }

 private:
  std::filesystem::path path_;
  std::int64_t size_ = 0;
};

/// A figure of the process, in bytes.
std::int64_t status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  ADD_FAILURE() << "no " << name;
  return 0;
}

/// From now on, VmHWM is the peak of what comes. Where the system refuses that, it is the peak of
/// this test and those that ran before it in the same process.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5\n"; }

/// Bytes of the mappings of a file that are in memory.
std::int64_t resident(const std::filesystem::path& path) {
  std::ifstream file("/proc/self/smaps");
  bool ours = false;
  std::int64_t total = 0;
  int mappings = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find('-') < line.find(' ')) {
      ours = line.ends_with(path.native());
      mappings += ours;
    } else if (ours && line.starts_with("Rss:")) {
      total += std::stoll(line.substr(4)) * 1024;
    }
  }
  EXPECT_EQ(mappings, 1);
  return total;
}

class LoadMemory : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Heads, LoadMemory, testing::Bool(),
                         [](const auto& tied) { return tied.param ? "tied" : "its_own"; });

TEST_P(LoadMemory, IsThePanelsAndNothingOfTheFile) {
  const ModelFile file(GetParam());
  constexpr std::uint64_t kBudget = std::uint64_t{1} << 40;
  Machine machine({.max_memory = kBudget});
  const ByteLedger& ledger = machine.ledger();
  LoadOptions options;
  options.placement.threads = 2;
  forget_peak();
  const std::int64_t anonymous = status("RssAnon");
  const std::int64_t all = status("VmRSS");
  const LoadedModel model = load_language_model(machine, file.path(), options);
  const auto panels =
      static_cast<std::int64_t>(kBudget - ledger.free() - model.pipeline().cache().bytes());

  // Panels of Q8_0 are as large as the file's blocks; a tied table is there once.
  EXPECT_GE(panels, file.size() - kMiB);
  EXPECT_LE(panels, file.size());
  // Beside the panels: descriptions of tensors, stacks of threads, the ends of huge pages.
  const std::int64_t taken = status("RssAnon") - anonymous;
  EXPECT_GE(taken, panels - kMiB);
  EXPECT_LE(taken, panels + 8 * kMiB);
  // Of the file: what is read on of its header, in a huge page at most.
  EXPECT_LE(resident(file.path()), 2 * kMiB);
  // While it was loaded, no large tensor was in memory twice.
  EXPECT_LE(status("VmHWM") - all, panels + 20 * kMiB);
}

class QuantizedLoadMemory : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Models, QuantizedLoadMemory, testing::Bool(),
                         [](const auto& experts) { return experts.param ? "experts" : "dense"; });

/// Of a folder that is quantized as it is loaded, neither the floats of one large tensor are in
/// memory beside the panels that are made of them, nor those of a table that stands there twice.
TEST_P(QuantizedLoadMemory, PeaksAtThePanels) {
  const ModelFolder folder(GetParam());
  constexpr std::uint64_t kBudget = std::uint64_t{1} << 40;
  Machine machine({.max_memory = kBudget});
  const ByteLedger& ledger = machine.ledger();
  LoadOptions options;
  options.placement.threads = 2;
  options.quantize = find_format(FormatId::kQ8_0);
  forget_peak();
  const std::int64_t all = status("VmRSS");
  const LoadedModel model = load_language_model(machine, folder.path(), options);
  const auto panels =
      static_cast<std::int64_t>(kBudget - ledger.free() - model.pipeline().cache().bytes());
  const std::int64_t twice = GetParam() ? 0 : 2 * static_cast<std::int64_t>(kVocabulary * kWidth);
  EXPECT_NEAR(static_cast<double>(panels), static_cast<double>(folder.size() - twice) / 2 * 34 / 32,
              static_cast<double>(kMiB));
  EXPECT_LE(resident(folder.weights()), 2 * kMiB);
  EXPECT_LE(status("VmHWM") - all, panels + 20 * kMiB);
}

}  // namespace
}  // namespace sirocco
