#include "sirocco/models/llama.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, CausalAttention, Mlp>;

namespace {

class LlamaBuilder final : public DecoderBuilder {
 public:
  LlamaBuilder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata, "llama"), weights), weights,
                       backend, std::move(progress)) {}

  AnyBlocks blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_frequencies(config(), loader()));
    LayerSchedule<LlamaBlock> layers(range.begin);
    for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
      const LayerIndex layer(i);
      layers.push_back(
          LlamaBlock({layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "ffn_norm.weight")},
                     attention<CausalAttention>(layer,
                                                {.heads = config().heads,
                                                 .kv_heads = config().kv_heads,
                                                 .head_dim = config().head_dim},
                                                RotaryRows::kNeighbouringPairs, rotary),
                     gated_mlp(layer, GateActivation::kSilu)));
    }
    return AnyBlocks(
        std::make_shared<const DecoderBlocks<LlamaBlock>>(std::move(layers), final_norm(range)));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_llama_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  return std::make_unique<LlamaBuilder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
