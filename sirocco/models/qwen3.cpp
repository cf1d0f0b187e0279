#include "sirocco/models/qwen3.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<QRmsNorm, CausalAttention, Mlp>;
template class TransformerBlock<QRmsNorm, CausalAttention, MoE>;

namespace {

constexpr RouterSpec kRouter{.normalize = true};

class Qwen3Builder final : public DecoderBuilder {
 public:
  Qwen3Builder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata), weights, &kRouter), weights,
                       backend, std::move(progress)) {}

  AnyBlocks make_blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<Qwen3Block, Qwen3MoeBlock> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      CausalAttention mixer = attention<CausalAttention>(
          layer,
          {.heads = config().heads, .kv_heads = config().kv_heads, .head_dim = config().head_dim},
          RotaryRows::kHalfSplit, rotary);
      QRmsNorm mixer_norm(layer_norm(layer, "attn_norm.weight"), mixer.input_forms());
      const auto add = [&](auto ffn) {
        QRmsNorm ffn_norm(layer_norm(layer, "ffn_norm.weight"), ffn.input_forms());
        layers.push_back(TransformerBlock<QRmsNorm, CausalAttention, decltype(ffn)>(
            {std::move(mixer_norm), std::move(ffn_norm)}, std::move(mixer), std::move(ffn)));
      };
      std::visit(add, feed_forward(layer, GateActivation::kSilu));
    });
    return AnyBlocks(std::make_shared<const DecoderBlocks<Qwen3Block, Qwen3MoeBlock>>(
        std::move(layers), final_norm(range)));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_qwen3_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  return std::make_unique<Qwen3Builder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
