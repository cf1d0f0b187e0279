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
        pattern_(read_window_pattern(reader, kGlobalEvery)) {
    (void)reader.dimension("attention.sliding_window");  // there is none without
  }

  AnyBlocks make_blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    const auto make = [&]<Attention A>(LayerIndex layer, const LayerKind<A>& kind) {
      const AttentionConfig shape{
          .heads = config().heads, .kv_heads = config().kv_heads, .head_dim = config().head_dim};
      return TransformerBlock<RmsNorm, A, MoE>(
          {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "post_attention_norm.weight")},
          attention<A>(layer, shape, RotaryRows::kHalfSplit, kind.rotary, kind.mask),
          moe(layer, GateActivation::kClampedSwish));
    };
    return alternating(range, pattern_,
                       LayerKind<SlidingWindowAttention>{rotary, {*pattern_.window}},
                       LayerKind<CausalAttention>{rotary}, make);
  }

 private:
  WindowPattern pattern_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gpt_oss_builder(const Metadata& metadata,
                                                   const WeightSource& weights, Backend& backend,
                                                   LoadProgress progress) {
  return std::make_unique<GptOssBuilder>(ConfigReader(metadata), weights, backend,
                                         std::move(progress));
}

}  // namespace sirocco
