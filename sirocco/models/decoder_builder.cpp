#include "sirocco/models/decoder_builder.hpp"

#include <fmt/format.h>

namespace sirocco {

AnyEmbed DecoderBuilder::embed() {
  return AnyEmbed(std::make_shared<const TokenEmbedding>(table(), embedding_scale_));
}

AnyLmHead DecoderBuilder::lm_head() {
  Linear projection = loader_.has("output.weight")
                          ? loader_.linear("output", config_.info.vocabulary, config_.info.width)
                          : Linear(table());
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
