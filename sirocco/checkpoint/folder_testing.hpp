#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical.hpp"

namespace sirocco::testing {

using Texts = std::vector<std::string_view>;

/// A folder's description, made of values.
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

/// Weights that note what is released of them.
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

inline constexpr std::array kToyKeys = {
    ConfigKey{"block_count", "layers"},    ConfigKey{"width", "d", "dim"},
    ConfigKey{"epsilon", "eps", {}, 1e-6}, ConfigKey{"heads", "h", {}, 4},
    ConfigKey{"flag", "f", {}, true},      ConfigKey{"window", "w", {}, 512, Null::kNone},
    ConfigKey{"always", {}, {}, 2},        ConfigKey{"vocab_size", "vocab_size"}};
inline constexpr std::array kToyRules = {ConfigRule{"act", {"silu", "swish"}},
                                         ConfigRule{"flag", {"false"}},
                                         ConfigRule{"list", {"null"}}};
inline constexpr std::array kToyTensors = {
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
inline constexpr std::array kToyCompanions = {
    CompanionRule{"blk.#.conv"}, CompanionRule{"blk.#.first", "fused_bias"},
    CompanionRule{"blk.#.second", "fused_bias"},
    CompanionRule{"blk.#.up_exp*", {}, "blk.#.norm.weight"},
    CompanionRule{"token_embd", {}, {}, true}};
inline constexpr std::array<std::string_view, 1> kToyTypes = {"toy"};
inline constexpr std::array<std::string_view, 2> kToyClasses = {"ToyForCausalLM", "ToyModel"};
inline constexpr FolderSchema kToy = {.architecture = "toy",
                                      .model_types = kToyTypes,
                                      .classes = kToyClasses,
                                      .keys = kToyKeys,
                                      .rules = kToyRules,
                                      .tensors = kToyTensors,
                                      .companions = kToyCompanions};

/// A test of what the toy family's schema makes of a folder.
class ToyFolder : public ::testing::Test {
 protected:
  ToyFolder() {
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

}  // namespace sirocco::testing
