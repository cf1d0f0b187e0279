#include "sirocco/models/decoder_builder.hpp"

#include <fmt/format.h>

#include "sirocco/base/error.hpp"

namespace sirocco {

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
  return AnyEmbed(std::make_shared<const TokenEmbedding>(std::move(built)));
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
    if (!loader_.has(name)) return out;
    out.push_back(loader_.linear(stem, loader_.matrix_shape(name)[0], width));
    width = out.back().outputs();
  }
}

AnyLmHead DecoderBuilder::lm_head() {
  if (config_.lacks_head) {
    throw FormatError(
        "{}: the head is missing: there is no tensor 'lm_head.weight', and config.json doesn't say "
        "that it is the token table ('tie_word_embeddings'). Without it the model makes embeddings "
        "(`sirocco embed`) and no text: fetch the rest of the checkpoint",
        loader_.origin());
  }
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

Mlp DecoderBuilder::ungated_mlp(LayerIndex layer, GateActivation activation) {
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
