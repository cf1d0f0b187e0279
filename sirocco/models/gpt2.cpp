#include "sirocco/models/gpt2.hpp"

#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, CausalAttention, Mlp>;

namespace {

struct Gpt2 : Family {
  using Layers = LayerSchedule<Gpt2Block>;
  using FinalNorm = LayerNorm;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    config.learn_positions();
    return config;
  }
  static void add(LayerLoader& layer, Layers& layers) {
    layer.add_block<LayerNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                               layer.attention<CausalAttention>(RotaryRows::kHalfSplit),
                               layer.ungated_mlp(PlainActivation::kGeluTanh));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gpt2_builder(const ModelSources& from) {
  return build_family<Gpt2>(from);
}

}  // namespace sirocco
