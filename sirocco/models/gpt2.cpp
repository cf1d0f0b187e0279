#include "sirocco/models/gpt2.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, CausalAttention, Mlp>;

namespace {

class Gpt2Builder final : public DecoderBuilder {
 public:
  Gpt2Builder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
              LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata), weights), weights, backend,
                       std::move(progress)) {
    learn_positions();
  }

  AnyBlocks make_blocks(LayerRange range) override {
    LayerSchedule<Gpt2Block> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      layers.push_back(Gpt2Block({centered_norm(layer_name(layer, "attn_norm")),
                                  centered_norm(layer_name(layer, "ffn_norm"))},
                                 attention<CausalAttention>(layer,
                                                            {.heads = config().heads,
                                                             .kv_heads = config().kv_heads,
                                                             .head_dim = config().head_dim},
                                                            RotaryRows::kHalfSplit, nullptr),
                                 ungated_mlp(layer, PlainActivation::kGeluTanh)));
    });
    return AnyBlocks(std::make_shared<const LayerStack<LayerNorm, Gpt2Block>>(
        std::move(layers), final_centered_norm(range)));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gpt2_builder(const Metadata& metadata,
                                                const WeightSource& weights, Backend& backend,
                                                LoadProgress progress) {
  return std::make_unique<Gpt2Builder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
