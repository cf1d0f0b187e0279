#include "sirocco/models/phi2.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, CausalAttention, Mlp, Parallel>;

namespace {

class Phi2Builder final : public DecoderBuilder {
 public:
  Phi2Builder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
              LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata), weights), weights, backend,
                       std::move(progress)) {}

  AnyBlocks make_blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<Phi2Block> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      layers.push_back(
          Phi2Block(Parallel::Of<LayerNorm>(centered_norm(layer_name(layer, "attn_norm"))),
                    attention<CausalAttention>(layer,
                                               {.heads = config().heads,
                                                .kv_heads = config().kv_heads,
                                                .head_dim = config().head_dim},
                                               RotaryRows::kHalfSplit, rotary),
                    ungated_mlp(layer, PlainActivation::kGeluTanh)));
    });
    return AnyBlocks(std::make_shared<const LayerStack<LayerNorm, Phi2Block>>(
        std::move(layers), final_centered_norm(range)));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_phi2_builder(const Metadata& metadata,
                                                const WeightSource& weights, Backend& backend,
                                                LoadProgress progress) {
  return std::make_unique<Phi2Builder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
