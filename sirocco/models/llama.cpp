#include "sirocco/models/llama.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, CausalAttention, Mlp>;
template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp>;
template class TransformerBlock<RmsNorm, CausalAttention, MoE>;
template class TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;

namespace {

constexpr RouterSpec kMixtralRouter{.normalize = true};

class LlamaBuilder final : public DecoderBuilder {
 public:
  LlamaBuilder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : LlamaBuilder(ConfigReader(metadata), weights, backend, std::move(progress)) {}

  AnyBlocks make_blocks(LayerRange range) override {
    return window_ ? blocks_seeing<SlidingWindowAttention>(range, {*window_})
                   : blocks_seeing<CausalAttention>(range, {});
  }

 private:
  LlamaBuilder(const ConfigReader& reader, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : DecoderBuilder(read_decoder_config(reader, weights, &kMixtralRouter), weights, backend,
                       std::move(progress)) {
    if (reader.has("attention.sliding_window"))
      window_ = reader.dimension("attention.sliding_window");
  }

  template <Attention A>
  AnyBlocks blocks_seeing(LayerRange range, const typename A::Mask& mask) {
    using Dense = TransformerBlock<RmsNorm, A, Mlp>;
    using Sparse = TransformerBlock<RmsNorm, A, MoE>;
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<Dense, Sparse> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      const auto add = [&](auto ffn) {
        layers.push_back(TransformerBlock<RmsNorm, A, decltype(ffn)>(
            {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "ffn_norm.weight")},
            attention<A>(layer,
                         {.heads = config().heads,
                          .kv_heads = config().kv_heads,
                          .head_dim = config().head_dim},
                         RotaryRows::kNeighbouringPairs, rotary, mask),
            std::move(ffn)));
      };
      std::visit(add, feed_forward(layer, GateActivation::kSilu));
    });
    return AnyBlocks(
        std::make_shared<const DecoderBlocks<Dense, Sparse>>(std::move(layers), final_norm(range)));
  }

  std::optional<std::int32_t> window_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_llama_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  return std::make_unique<LlamaBuilder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
