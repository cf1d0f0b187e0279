#include "sirocco/models/decoder_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_schema.hpp"
#include "sirocco/checkpoint/name_pattern.hpp"
#include "sirocco/checkpoint/passed_tensors.hpp"

namespace sirocco {
namespace {

/// What the names of tensors outside of layers begin with, by the part that reads them.
constexpr std::array<std::string_view, 2> kEmbedding = {"token_", "position_embd."};
constexpr std::array<std::string_view, 2> kBlocks = {"rope_freqs.", "output_norm."};
constexpr std::array<std::string_view, 1> kHead = {"output."};
constexpr std::array<std::string_view, 1> kProjections = {"dense_"};
constexpr auto kParts = joined(kEmbedding, kBlocks, kHead, kProjections);

}  // namespace

DecoderBuilder::DecoderBuilder(DecoderConfig config, const WeightSource& weights, Backend& backend,
                               LoadProgress progress)
    : config_(std::move(config)), loader_(weights, backend, std::move(progress)) {
  for (const StoredTensor& tensor : weights.tensors()) {
    const NamePattern pattern = pattern_of(tensor.name);
    if (!pattern.text.starts_with("blk.#.")) {
      if (std::ranges::none_of(
              kParts, [&](std::string_view part) { return tensor.name.starts_with(part); }))
        refuse_unknown_tensor(weights.origin(), weights.called(tensor.name),
                              config_.info.architecture);
    } else if (pattern.numbers[0] >= config_.info.layers) {
      throw FormatError("{}: tensor {} is of layer {}, but the model's description makes it {}",
                        weights.origin(), weights.called(tensor.name), pattern.numbers[0],
                        config_.info.layers);
    }
  }
}

AnyEmbed DecoderBuilder::embed() {
  const std::int64_t d = config_.info.width;
  TokenEmbedding built(table(), embedding_scale_);
  if (normalized_embedding_) {
    constexpr std::string_view kTypes = "token_types.weight";
    built = std::move(built).with_types(loader_.matrix(kTypes, loader_.matrix_shape(kTypes)[0], d));
  }
  if (config_.info.position_limit != 0) {
    built = std::move(built).with_positions(
        loader_.matrix("position_embd.weight", config_.info.position_limit, d));
  }
  if (normalized_embedding_) built = std::move(built).with_norm(centered_norm("token_embd_norm"));
  for (const std::string_view part : kEmbedding) expect_all_read(part);
  return AnyEmbed(std::make_shared<const TokenEmbedding>(std::move(built)));
}

AnyBlocks DecoderBuilder::blocks(LayerRange range) {
  AnyBlocks built = make_blocks(range);
  if (range.end.value() == config_.info.layers) {
    for (const std::string_view part : kBlocks) expect_all_read(part);
  }
  return built;
}

void DecoderBuilder::each_layer(LayerRange range, FunctionRef<void(LayerIndex)> load) {
  for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
    load(LayerIndex(i));
    expect_all_read(layer_name(LayerIndex(i), ""));
  }
}

void DecoderBuilder::learn_positions() {
  config_.info.position_limit = config_.info.context_length;
}

std::vector<Linear> DecoderBuilder::projections() {
  // Numbered as sentence-transformers counts modules: 0 is the model, 1 its pooling.
  std::vector<Linear> out;
  std::int64_t width = config_.info.width;
  for (int module = 2;; ++module) {
    const std::string stem = fmt::format("dense_{}", module);
    const std::string name = stem + ".weight";
    if (!loader_.has(name)) break;
    out.push_back(loader_.linear(stem, loader_.matrix_shape(name)[0], width));
    width = out.back().outputs();
  }
  for (const std::string_view part : kProjections) expect_all_read(part);
  return out;
}

AnyLmHead DecoderBuilder::lm_head() {
  if (!config_.lacks_head.empty()) throw FormatError("{}", config_.lacks_head);
  if (!config_.info.generates) {
    throw UnsupportedError("{}: the model makes embeddings and no text; `sirocco embed` runs it",
                           quoted(config_.info.architecture));
  }
  const std::int64_t v = config_.info.vocabulary;
  const WeightVector bias =
      loader_.has("output.bias") ? loader_.vector("output.bias", v) : WeightVector();
  Linear projection(loader_.has("output.weight")
                        ? loader_.matrix("output.weight", v, config_.info.width)
                        : table(),
                    bias);
  for (const std::string_view part : kHead) expect_all_read(part);
  return AnyLmHead(std::make_shared<const VocabularyHead>(std::move(projection), final_cap_));
}

RmsNorm DecoderBuilder::norm(std::string_view name, std::int64_t width) {
  return {loader_.vector(name, width), config_.norm_epsilon};
}

RmsNorm DecoderBuilder::layer_norm(LayerIndex layer, std::string_view ingredient) {
  return norm(layer_name(layer, ingredient), config_.info.width);
}

std::optional<RmsNorm> DecoderBuilder::final_norm(LayerRange range) {
  if (range.end.value() != config_.info.layers) return std::nullopt;
  return norm("output_norm.weight", config_.info.width);
}

LayerNorm DecoderBuilder::centered_norm(std::string_view stem) {
  const std::int64_t d = config_.info.width;
  return {loader_.vector(fmt::format("{}.weight", stem), d),
          loader_.vector(fmt::format("{}.bias", stem), d), config_.norm_epsilon};
}

std::optional<LayerNorm> DecoderBuilder::final_centered_norm(LayerRange range) {
  if (range.end.value() != config_.info.layers) return std::nullopt;
  return centered_norm("output_norm");
}

Mlp DecoderBuilder::ungated_mlp(LayerIndex layer, PlainActivation activation) {
  const std::int64_t d = config_.info.width;
  const std::int64_t f = config_.feed_forward;
  return {activation, loader_.linear(layer_name(layer, "ffn_up"), f, d),
          loader_.linear(layer_name(layer, "ffn_down"), d, f)};
}

Mlp DecoderBuilder::gated_mlp(LayerIndex layer, GateActivation activation) {
  return gated_mlp(layer, "", config_.feed_forward, activation);
}

Mlp DecoderBuilder::gated_mlp(LayerIndex layer, std::string_view suffix, std::int64_t width,
                              GateActivation activation) {
  const std::int64_t d = config_.info.width;
  const auto name = [&](std::string_view part) {
    return layer_name(layer, fmt::format("{}{}", part, suffix));
  };
  return {activation, loader_.linear(name("ffn_gate"), width, d),
          loader_.linear(name("ffn_up"), width, d), loader_.linear(name("ffn_down"), d, width)};
}

MoE DecoderBuilder::moe(LayerIndex layer, GateActivation activation) {
  const ExpertConfig& e = *config_.experts;
  const std::int64_t d = config_.info.width;
  const auto name = [&](std::string_view part) { return layer_name(layer, part); };
  MoE built({.router = e.router, .activation = activation},
            loader_.linear(name("ffn_gate_inp"), e.count, d),
            loader_.experts(name("ffn_gate"), e.count, e.feed_forward, d),
            loader_.experts(name("ffn_up"), e.count, e.feed_forward, d),
            loader_.experts(name("ffn_down"), e.count, d, e.feed_forward));
  const std::string bias = name("exp_probs_b.bias");
  if (loader_.has(bias))
    built = std::move(built).with_selection_bias(loader_.vector(bias, e.count));
  if (e.shared == 0) return built;
  return std::move(built).with_shared(gated_mlp(layer, "_shexp", e.shared, activation));
}

std::variant<Mlp, MoE> DecoderBuilder::feed_forward(LayerIndex layer, GateActivation activation) {
  if (config_.experts && layer.value() >= config_.experts->dense_layers)
    return moe(layer, activation);
  return gated_mlp(layer, activation);
}

const std::shared_ptr<const WeightMatrix>& DecoderBuilder::table() {
  if (table_ == nullptr)
    table_ = loader_.matrix("token_embd.weight", config_.info.vocabulary, config_.info.width);
  return table_;
}

}  // namespace sirocco
