#include "sirocco/models/gemma.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp, Sandwich>;
template class TransformerBlock<RmsNorm, CausalAttention, Mlp, Sandwich>;
template class TransformerBlock<RmsNorm, BidirectionalAttention, Mlp, Sandwich>;

namespace {

/// What tells the generations apart and is not in their files.
struct Generation {
  std::string_view architecture;
  std::int32_t global_every;
  std::int32_t layers_of_27b;  ///< the size that scales scores by (D / H)^-1/2 instead of E^-1/2
  float default_logit_cap;     ///< of scores, where the file doesn't say
  float default_final_cap;
  bool own_local_rotary;  ///< local layers rotate by a base of their own, unscaled
  bool bidirectional;
};
constexpr std::array kGenerations = {
    Generation{"gemma2", 2, 46, 50.0f, 30.0f, false, false},
    Generation{"gemma3", 6, 62, 0.0f, 0.0f, true, false},
    Generation{"gemma-embedding", 6, 0, 0.0f, 0.0f, true, true},
};
constexpr float kLocalRotaryBase = 10000.0f;

const Generation& generation_of(std::string_view architecture) {
  const auto* const found = std::find_if(
      kGenerations.begin(), kGenerations.end(),
      [&](const Generation& generation) { return generation.architecture == architecture; });
  SIROCCO_CHECK(found != kGenerations.end());
  return *found;
}

class GemmaBuilder final : public DecoderBuilder {
 public:
  GemmaBuilder(const ConfigReader& reader, const WeightSource& weights, Backend& backend,
               LoadProgress progress)
      : DecoderBuilder(read_decoder_config(reader, weights), weights, backend, std::move(progress)),
        generation_(generation_of(config().info.architecture)),
        pattern_(read_window_pattern(reader, generation_.global_every)) {
    const auto cap = [&](std::string_view key, float fallback) {
      return reader.has(key) ? reader.cap_or_none(key) : fallback;
    };
    const auto width = static_cast<float>(config().info.width);
    const bool is_27b = config().info.layers == generation_.layers_of_27b;
    const float scaled_by =
        is_27b ? width / static_cast<float>(config().heads) : static_cast<float>(config().head_dim);
    attention_ = {.heads = config().heads,
                  .kv_heads = config().kv_heads,
                  .head_dim = config().head_dim,
                  .scale = reader.positive_or("attention.scale", 1.0f / std::sqrt(scaled_by)),
                  .logit_cap = cap("attn_logit_softcapping", generation_.default_logit_cap)};
    if (generation_.own_local_rotary)
      local_rotary_base_ = reader.positive_or("rope.freq_base_swa", kLocalRotaryBase);
    scale_embedding(std::sqrt(width));
    cap_logits(cap("final_logit_softcapping", generation_.default_final_cap));
    if (generation_.bidirectional) encode_only();
  }

  AnyBlocks make_blocks(LayerRange range) override {
    const std::int32_t window = pattern_.window.value_or(MaskSpec::kNoWindow);
    // A window around a row counts both of its sides.
    return generation_.bidirectional
               ? layers<BidirectionalAttention, BidirectionalAttention>(range, {window / 2 + 1})
               : layers<SlidingWindowAttention, CausalAttention>(range, {window});
  }

 private:
  template <Attention Local, Attention Global>
  AnyBlocks layers(LayerRange range, const typename Local::Mask& local_mask) {
    const auto global = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    const auto local = local_rotary_base_ ? std::make_shared<const Rotary>(rotary_frequencies(
                                                config().rotary_dims, double{*local_rotary_base_}))
                                          : global;
    const auto make = [&]<Attention A>(LayerIndex layer, const LayerKind<A>& kind) {
      return TransformerBlock<RmsNorm, A, Mlp, Sandwich>(
          {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "post_attention_norm.weight"),
           layer_norm(layer, "ffn_norm.weight"), layer_norm(layer, "post_ffw_norm.weight")},
          attention<A>(layer, attention_, RotaryRows::kHalfSplit, kind.rotary, kind.mask),
          gated_mlp(layer, GateActivation::kGeluTanh));
    };
    return alternating(range, pattern_, LayerKind<Local>{local, local_mask},
                       LayerKind<Global>{global}, make);
  }

  const Generation& generation_;
  WindowPattern pattern_;
  AttentionConfig attention_;
  std::optional<float> local_rotary_base_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gemma_builder(const Metadata& metadata,
                                                 const WeightSource& weights, Backend& backend,
                                                 LoadProgress progress) {
  return std::make_unique<GemmaBuilder>(ConfigReader(metadata), weights, backend,
                                        std::move(progress));
}

}  // namespace sirocco
