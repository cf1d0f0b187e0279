#include "sirocco/models/clip_text.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/models/family.hpp"

namespace sirocco {
namespace {

PlainActivation activation_of(const ConfigReader& reader) {
  const std::string name = reader.text_or("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return PlainActivation::kQuickGelu;
  if (name == "gelu") return PlainActivation::kGeluErf;
  throw UnsupportedError("{}: activation {} isn't supported; known are quick_gelu and gelu",
                         reader.metadata().origin(), sirocco::quoted(name));
}

struct ClipText : Family {
  using Layers = LayerSchedule<ClipTextBlock>;
  using FinalNorm = LayerNorm;

  ClipText(const ConfigReader& reader, const DecoderConfig&) : activation(activation_of(reader)) {}

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    config.learn_positions();
    config.info.generates = false;
    // That of the token which ends a text.
    config.info.pooling = Pooling::kLast;
    return config;
  }
  void add(LayerLoader& layer, Layers& layers) const {
    layer.add_block<LayerNorm>(
        layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
        layer.step_attention<CausalAttention>(RotaryRows::kHalfSplit, {}, layer.rotary()),
        layer.ungated_mlp(activation));
  }

  PlainActivation activation;
};

}  // namespace

ClipTextEnd::ClipTextEnd(const Metadata& metadata)
    : id_(metadata.require<std::int64_t>(ConfigReader(metadata).path("eos_token_id"))) {}

std::int64_t ClipTextEnd::row(std::span<const TokenId> tokens) const {
  constexpr std::int64_t kOfFirstCheckpoints = 2;
  const auto found = id_ == kOfFirstCheckpoints ? std::ranges::max_element(tokens)
                                                : std::ranges::find(tokens, id_, &TokenId::value);
  return found == tokens.end() ? 0 : found - tokens.begin();
}

std::unique_ptr<ModelBuilder> make_clip_text_builder(const ModelSources& from) {
  return build_family<ClipText>(from);
}

}  // namespace sirocco
