#include "sirocco/models/clip_text.hpp"

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
    layer.add_block<LayerNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                               layer.attention<CausalAttention>(RotaryRows::kHalfSplit),
                               layer.ungated_mlp(activation));
  }

  PlainActivation activation;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_clip_text_builder(const ModelSources& from) {
  return build_family<ClipText>(from);
}

}  // namespace sirocco
