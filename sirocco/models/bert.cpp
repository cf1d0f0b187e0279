#include "sirocco/models/bert.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp, PostLn>;

namespace {

class BertBuilder final : public DecoderBuilder {
 public:
  BertBuilder(const Metadata& metadata, const WeightSource& weights, Backend& backend,
              LoadProgress progress)
      : DecoderBuilder(read_decoder_config(ConfigReader(metadata), weights), weights, backend,
                       std::move(progress)) {
    learn_positions();
    normalize_embedding();
    encode_only();
  }

  AnyBlocks make_blocks(LayerRange range) override {
    LayerSchedule<BertBlock> layers(range.begin);
    each_layer(range, [&](LayerIndex layer) {
      layers.push_back(BertBlock({centered_norm(layer_name(layer, "attn_output_norm")),
                                  centered_norm(layer_name(layer, "layer_output_norm"))},
                                 attention<BidirectionalAttention>(layer,
                                                                   {.heads = config().heads,
                                                                    .kv_heads = config().kv_heads,
                                                                    .head_dim = config().head_dim},
                                                                   RotaryRows::kHalfSplit, nullptr),
                                 ungated_mlp(layer, PlainActivation::kGeluErf)));
    });
    const bool is_last = range.end.value() == config().info.layers;
    return AnyBlocks(std::make_shared<const LayerStack<NoNorm, BertBlock>>(
        std::move(layers), is_last ? std::optional(NoNorm()) : std::nullopt));
  }
};

}  // namespace

std::unique_ptr<ModelBuilder> make_bert_builder(const Metadata& metadata,
                                                const WeightSource& weights, Backend& backend,
                                                LoadProgress progress) {
  return std::make_unique<BertBuilder>(metadata, weights, backend, std::move(progress));
}

}  // namespace sirocco
