#include "sirocco/models/gpt_oss.hpp"

#include "sirocco/models/family.hpp"

namespace sirocco {
namespace {

constexpr RouterSpec kRouter{.scoring = RouterScoring::kSoftmaxOfChosen};
constexpr std::int32_t kGlobalEvery = 2;  // layers 1, 3, …

class GptOss : public Family {
 public:
  using Layers = LayerSchedule<GptOssLocalBlock, GptOssGlobalBlock>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    (void)reader.dimension("expert_count");  // there is no dense one
    DecoderConfig config = read_decoder_config(reader, weights, &kRouter);
    if (config.yarn && !reader.has("rope.scaling.yarn_truncate")) config.yarn->truncate = false;
    return config;
  }
  GptOss(const ConfigReader& reader, const DecoderConfig& /*config*/)
      : pattern_(read_window_pattern(reader, kGlobalEvery)) {
    (void)reader.dimension("attention.sliding_window");  // there is none without
  }

  void add(LayerLoader& layer, Layers& layers) const {
    if (pattern_.is_local(layer.index()))
      add_seeing<SlidingWindowAttention>(layer, layers, {*pattern_.window});
    else
      add_seeing<CausalAttention>(layer, layers, {});
  }

 private:
  template <Attention A>
  static void add_seeing(LayerLoader& layer, Layers& layers, const typename A::Mask& mask) {
    layer.add_block<RmsNorm>(layers, {.mixer = "attn_norm", .ffn = "post_attention_norm"},
                             layer.attention<A>(RotaryRows::kHalfSplit, mask),
                             layer.moe(GateActivation::kClampedSwish));
  }

  WindowPattern pattern_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gpt_oss_builder(const ModelSources& from) {
  return build_family<GptOss>(from);
}

}  // namespace sirocco
