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

DecoderBuilder::DecoderBuilder(DecoderConfig config, const ModelSources& from)
    : config_(std::move(config)), loader_(from.weights, from.packer, from.progress) {
  const WeightSource& weights = from.weights;
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
  TokenEmbedding built(table(), config_.embedding_scale);
  if (config_.normalizes_embedding) {
    constexpr std::string_view kTypes = "token_types.weight";
    built = std::move(built).with_types(loader_.matrix(kTypes, loader_.matrix_shape(kTypes)[0], d));
  }
  if (config_.learns_positions()) {
    built = std::move(built).with_positions(
        loader_.matrix("position_embd.weight", config_.info.position_limit, d));
  }
  if (config_.normalizes_embedding)
    built = std::move(built).with_norm(
        loader_.norm<LayerNorm>("token_embd_norm", d, config_.norm_epsilon));
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

void DecoderBuilder::each_layer(LayerRange range, FunctionRef<void(LayerLoader&)> load) {
  std::shared_ptr<const Rotary> rotary;
  if (config_.rotates()) rotary = std::make_shared<const Rotary>(read_rotary(config_, loader_));
  for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
    LayerLoader layer(loader_, config_, LayerIndex(i), rotary);
    load(layer);
    expect_all_read(layer.name(""));
  }
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
  return AnyLmHead(
      std::make_shared<const VocabularyHead>(std::move(projection), config_.final_cap));
}

const std::shared_ptr<const WeightMatrix>& DecoderBuilder::table() {
  if (table_ == nullptr)
    table_ = loader_.matrix("token_embd.weight", config_.info.vocabulary, config_.info.width);
  return table_;
}

}  // namespace sirocco
