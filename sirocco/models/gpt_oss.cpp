#include "sirocco/models/gpt_oss.hpp"

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {
namespace {

constexpr RouterSpec kRouter{.scoring = RouterScoring::kSoftmaxOfChosen};
constexpr std::int32_t kGlobalEvery = 2;  // layers 1, 3, …

DecoderConfig read_config(const ConfigReader& reader, const WeightSource& weights) {
  (void)reader.dimension("expert_count");  // there is no dense one
  DecoderConfig config = read_decoder_config(reader, weights, &kRouter);
  if (config.yarn && !reader.has("rope.scaling.yarn_truncate")) config.yarn->truncate = false;
  return config;
}

class GptOssBuilder final : public DecoderBuilder {
 public:
  GptOssBuilder(const ConfigReader& reader, const WeightSource& weights, Backend& backend,
                LoadProgress progress)
      : DecoderBuilder(read_config(reader, weights), weights, backend, std::move(progress)),
        window_(reader.dimension("attention.sliding_window")) {}

  AnyBlocks blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<GptOssLocalBlock, GptOssGlobalBlock> layers(range.begin);
    for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
      if ((i + 1) % kGlobalEvery == 0)
        layers.push_back(block<CausalAttention>(LayerIndex(i), rotary, {}));
      else
        layers.push_back(block<SlidingWindowAttention>(LayerIndex(i), rotary, {window_}));
    }
    return AnyBlocks(std::make_shared<const DecoderBlocks<GptOssLocalBlock, GptOssGlobalBlock>>(
        std::move(layers), final_norm(range)));
  }

 private:
  template <Attention A>
  TransformerBlock<RmsNorm, A, MoE> block(LayerIndex layer, std::shared_ptr<const Rotary> rotary,
                                          const typename A::Mask& mask) {
    return {
        {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "post_attention_norm.weight")},
        attention<A>(
            layer,
            {.heads = config().heads, .kv_heads = config().kv_heads, .head_dim = config().head_dim},
            RotaryRows::kHalfSplit, std::move(rotary), mask),
        moe(layer, GateActivation::kClampedSwish)};
  }

  std::int32_t window_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gpt_oss_builder(const Metadata& metadata,
                                                   const WeightSource& weights, Backend& backend,
                                                   LoadProgress progress) {
  return std::make_unique<GptOssBuilder>(ConfigReader(metadata), weights, backend,
                                         std::move(progress));
}

}  // namespace sirocco
