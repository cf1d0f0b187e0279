#include "sirocco/models/bert.hpp"

#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp, PostLn>;

namespace {

struct Bert : Family {
  using Layers = LayerSchedule<BertBlock>;
  using FinalNorm = NoNorm;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    config.learn_positions();
    config.normalizes_embedding = true;
    config.info.generates = false;
    return config;
  }
  static void add(LayerLoader& layer, Layers& layers) {
    layer.add_block<LayerNorm, PostLn>(
        layers, {.mixer = "attn_output_norm", .ffn = "layer_output_norm"},
        layer.attention<BidirectionalAttention>(RotaryRows::kHalfSplit),
        layer.ungated_mlp(PlainActivation::kGeluErf));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_bert_builder(const ModelSources& from) {
  return build_family<Bert>(from);
}

}  // namespace sirocco
