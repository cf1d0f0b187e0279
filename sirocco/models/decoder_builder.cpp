#include "sirocco/models/decoder_builder.hpp"

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
  const std::int64_t d = config_.info.width;
  const std::int64_t f = config_.feed_forward;
  return {activation, loader_.linear(layer_name(layer, "ffn_gate"), f, d),
          loader_.linear(layer_name(layer, "ffn_up"), f, d),
          loader_.linear(layer_name(layer, "ffn_down"), d, f)};
}

const std::shared_ptr<const WeightMatrix>& DecoderBuilder::table() {
  if (table_ == nullptr)
    table_ = loader_.matrix("token_embd.weight", config_.info.vocabulary, config_.info.width);
  return table_;
}

}  // namespace sirocco
