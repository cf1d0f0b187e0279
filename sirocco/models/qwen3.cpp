#include "sirocco/models/qwen3.hpp"

#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<QRmsNorm, CausalAttention, Mlp>;
template class TransformerBlock<QRmsNorm, CausalAttention, MoE>;

namespace {

constexpr RouterSpec kRouter{.normalize = true};

struct Qwen3 : Family {
  using Layers = LayerSchedule<Qwen3Block, Qwen3MoeBlock>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    return read_decoder_config(reader, weights, &kRouter);
  }
  static void add(LayerLoader& layer, Layers& layers) {
    layer.add_block<QRmsNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                              layer.attention<CausalAttention>(RotaryRows::kHalfSplit),
                              layer.feed_forward(GateActivation::kSilu));
  }
};

struct Qwen3Vl : Qwen3 {
  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig c = Qwen3::read(reader, weights);
    c.section_order = SectionOrder::kInterleaved;
    return c;
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_qwen3_builder(const ModelSources& from) {
  return build_family<Qwen3>(from);
}

std::unique_ptr<ModelBuilder> make_qwen3_vl_builder(const ModelSources& from) {
  return build_family<Qwen3Vl>(from);
}

}  // namespace sirocco
