#include "sirocco/models/deepseek2.hpp"

#include "sirocco/models/family.hpp"
#include "sirocco/models/latent.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, LatentAttention, Mlp>;
template class TransformerBlock<RmsNorm, LatentAttention, MoE>;

namespace {

constexpr RouterSpec kRouter{};

class DeepSeek2 : public Family {
 public:
  using Layers = LayerSchedule<DeepSeekDenseBlock, DeepSeekBlock>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights, &kRouter);
    // A group is as good as its best expert in V2, as its best two in V3, which scores by sigmoids.
    if (config.experts && config.experts->router.scoring == RouterScoring::kSigmoid)
      config.experts->router.group_best = 2;
    return config;
  }
  DeepSeek2(const ConfigReader& reader, const DecoderConfig& config)
      : latent_(read_latent_shape(reader, config)) {}

  void add(LayerLoader& layer, Layers& layers) const {
    layer.add_block<RmsNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                             load_latent_attention(layer, latent_),
                             layer.feed_forward(GateActivation::kSilu));
  }

 private:
  LatentShape latent_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_deepseek2_builder(const ModelSources& from) {
  return build_family<DeepSeek2>(from);
}

}  // namespace sirocco
