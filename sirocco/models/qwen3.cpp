#include "sirocco/models/qwen3.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<QRmsNorm, CausalAttention, Mlp>;

namespace {

class Qwen3Builder final : public DecoderBuilder {
 public:
  Qwen3Builder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata), weights), weights, backend,
                       std::move(progress)) {}

  AnyBlocks blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_frequencies(config(), loader()));
    LayerSchedule<Qwen3Block> layers(range.begin);
    for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
      const LayerIndex layer(i);
      CausalAttention mixer = attention<CausalAttention>(
          layer,
          {.heads = config().heads, .kv_heads = config().kv_heads, .head_dim = config().head_dim},
          RotaryRows::kHalfSplit, rotary);
      Mlp mlp = gated_mlp(layer, GateActivation::kSilu);
      QRmsNorm mixer_norm(layer_norm(layer, "attn_norm.weight"), mixer.input_forms());
      QRmsNorm mlp_norm(layer_norm(layer, "ffn_norm.weight"), mlp.input_forms());
      layers.push_back(Qwen3Block({std::move(mixer_norm), std::move(mlp_norm)}, std::move(mixer),
                                  std::move(mlp)));
    }
    return AnyBlocks(
        std::make_shared<const DecoderBlocks<Qwen3Block>>(std::move(layers), final_norm(range)));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_qwen3_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  return std::make_unique<Qwen3Builder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
