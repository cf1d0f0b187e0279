#include "tests/models/random_llama.hpp"

#include <fmt/format.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sirocco/kernels/kernels_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr std::int64_t kLayers = 2;
constexpr std::int64_t kWidth = 256;
constexpr std::int64_t kFeedForward = 256;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kVocabulary = 83;

class Description final : public Metadata {
 public:
  const MetadataValue* find(std::string_view path) const override {
    const auto at = values_.find(path);
    return at == values_.end() ? nullptr : &at->second;
  }
  std::vector<std::string_view> paths() const override {
    std::vector<std::string_view> out;
    for (const auto& [path, value] : values_) out.push_back(path);
    return out;
  }
  std::string_view origin() const override { return "random llama"; }

 private:
  std::map<std::string, MetadataValue, std::less<>> values_ = {
      {"general.architecture", std::string_view("llama")},
      {"llama.block_count", kLayers},
      {"llama.embedding_length", kWidth},
      {"llama.context_length", std::int64_t{256}},
      {"llama.attention.head_count", kHeads},
      {"llama.attention.head_count_kv", kKvHeads},
      {"llama.feed_forward_length", kFeedForward},
      {"llama.attention.layer_norm_rms_epsilon", 1e-5},
      {"llama.vocab_size", kVocabulary},
  };
};

class Weights final : public WeightSource {
 public:
  Weights(const Format& format, std::mt19937& random) {
    constexpr std::int64_t kKvWidth = kWidth / kHeads * kKvHeads;
    add_matrix("token_embd.weight", format, kVocabulary, kWidth, random);
    add_matrix("output.weight", format, kVocabulary, kWidth, random);
    add_norm("output_norm.weight");
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      const auto name = [&](std::string_view part) {
        return fmt::format("blk.{}.{}.weight", layer, part);
      };
      add_norm(name("attn_norm"));
      add_matrix(name("attn_q"), format, kWidth, kWidth, random);
      add_matrix(name("attn_k"), format, kKvWidth, kWidth, random);
      add_matrix(name("attn_v"), format, kKvWidth, kWidth, random);
      add_matrix(name("attn_output"), format, kWidth, kWidth, random);
      add_norm(name("ffn_norm"));
      add_matrix(name("ffn_gate"), format, kFeedForward, kWidth, random);
      add_matrix(name("ffn_up"), format, kFeedForward, kWidth, random);
      add_matrix(name("ffn_down"), format, kWidth, kFeedForward, random);
    }
  }

  std::span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* find(std::string_view name) const override {
    for (const StoredTensor& tensor : tensors_)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }
  void release(const StoredTensor& /*tensor*/) const override {}
  std::string_view origin() const override { return "random llama"; }

 private:
  void add(std::string name, const Format& format, Shape shape, std::vector<std::byte> bytes) {
    names_.push_back(std::move(name));
    bytes_.push_back(std::move(bytes));
    tensors_.push_back({names_.back(), &format, shape, bytes_.back()});
  }
  void add_matrix(std::string name, const Format& format, std::int64_t rows, std::int64_t columns,
                  std::mt19937& random) {
    kernels_testing::StoredMatrix matrix(format, rows, columns, random);
    add(std::move(name), format, {rows, columns}, std::move(matrix.bytes()));
  }
  void add_norm(std::string name) {
    const std::vector<float> ones(kWidth, 1.0f);
    std::vector<std::byte> bytes(ones.size() * sizeof(float));
    std::memcpy(bytes.data(), ones.data(), bytes.size());
    add(std::move(name), *find_format(FormatId::kF32), {kWidth}, std::move(bytes));
  }

  std::deque<std::string> names_;
  std::deque<std::vector<std::byte>> bytes_;
  std::vector<StoredTensor> tensors_;
};

}  // namespace

Checkpoint random_llama(const Format& format, std::mt19937& random) {
  return {.metadata = std::make_shared<Description>(),
          .weights = std::make_shared<Weights>(format, random),
          .files = nullptr};
}

}  // namespace sirocco::testing
