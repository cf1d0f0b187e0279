#include "sirocco/models/deepseek2.hpp"

#include "sirocco/models/decoder_builder.hpp"
#include "sirocco/models/latent.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, LatentAttention, Mlp>;
template class TransformerBlock<RmsNorm, LatentAttention, MoE>;

namespace {

constexpr RouterSpec kRouter{};

DecoderConfig read_config(const ConfigReader& reader, const WeightSource& weights) {
  DecoderConfig config = read_decoder_config(reader, weights, &kRouter);
  // A group is as good as its best expert in V2, as its best two in V3, which scores by sigmoids.
  if (config.experts && config.experts->router.scoring == RouterScoring::kSigmoid)
    config.experts->router.group_best = 2;
  return config;
}

class DeepSeek2Builder final : public DecoderBuilder {
 public:
  DeepSeek2Builder(const ConfigReader& reader, const WeightSource& weights, Backend& backend,
                   LoadProgress progress)
      : DecoderBuilder(read_config(reader, weights), weights, backend, std::move(progress)),
        latent_(read_latent_shape(reader, config())) {}

  AnyBlocks make_blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<DeepSeekDenseBlock, DeepSeekBlock> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      const auto add = [&](auto ffn) {
        layers.push_back(TransformerBlock<RmsNorm, LatentAttention, decltype(ffn)>(
            {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "ffn_norm.weight")},
            load_latent_attention(loader(), layer, latent_, config(), rotary), std::move(ffn)));
      };
      std::visit(add, feed_forward(layer, GateActivation::kSilu));
    });
    return AnyBlocks(std::make_shared<const DecoderBlocks<DeepSeekDenseBlock, DeepSeekBlock>>(
        std::move(layers), final_norm(range)));
  }

 private:
  LatentShape latent_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_deepseek2_builder(const Metadata& metadata,
                                                     const WeightSource& weights, Backend& backend,
                                                     LoadProgress progress) {
  return std::make_unique<DeepSeek2Builder>(ConfigReader(metadata), weights, backend,
                                            std::move(progress));
}

}  // namespace sirocco
