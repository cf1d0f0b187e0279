#include "sirocco/models/gemma.hpp"

#include <cmath>

#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp, Sandwich>;
template class TransformerBlock<RmsNorm, CausalAttention, Mlp, Sandwich>;
template class TransformerBlock<RmsNorm, BidirectionalAttention, Mlp, Sandwich>;

namespace {

/// What tells the generations apart and is not in their files.
struct Generation {
  std::int32_t global_every;  ///< layers global_every - 1, 2 · global_every - 1, … see everything
  std::int32_t layers_of_27b;  ///< the size that scales scores by (D / H)^-1/2 instead of E^-1/2
  float default_logit_cap;     ///< of scores, where the file doesn't say
  float default_final_cap;
  bool own_local_rotary;  ///< local layers rotate by a base of their own, unscaled
  bool bidirectional = false;
};
constexpr Generation kGemma2{2, 46, 50.0f, 30.0f, false};
constexpr Generation kGemma3{6, 62, 0.0f, 0.0f, true};
constexpr Generation kEmbeddingGemma{6, 0, 0.0f, 0.0f, true, true};
constexpr float kLocalRotaryBase = 10000.0f;

class GemmaBuilder final : public DecoderBuilder {
 public:
  GemmaBuilder(const Generation& generation, const Metadata& metadata, const WeightSource& weights,
               Backend& backend, LoadProgress progress)
      : GemmaBuilder(generation, ConfigReader(metadata), weights, backend, std::move(progress)) {}

  AnyBlocks blocks(LayerRange range) override {
    const std::int32_t window = window_.value_or(MaskSpec::kNoWindow);
    // A window around a row counts both of its sides.
    return generation_.bidirectional
               ? layers<BidirectionalAttention, BidirectionalAttention, EmbeddingGemmaBlock>(
                     range, {window / 2 + 1})
               : layers<SlidingWindowAttention, CausalAttention, GemmaLocalBlock, GemmaGlobalBlock>(
                     range, {window});
  }

 private:
  GemmaBuilder(const Generation& generation, const ConfigReader& reader,
               const WeightSource& weights, Backend& backend, LoadProgress progress)
      : DecoderBuilder(read_decoder_config(reader, weights), weights, backend, std::move(progress)),
        generation_(generation) {
    const auto cap = [&](std::string_view key, float fallback) {
      return reader.has(key) ? reader.cap_or_none(key) : fallback;
    };
    const auto width = static_cast<float>(config().info.width);
    const bool is_27b = config().info.layers == generation.layers_of_27b;
    const float scaled_by =
        is_27b ? width / static_cast<float>(config().heads) : static_cast<float>(config().head_dim);
    attention_ = {.heads = config().heads,
                  .kv_heads = config().kv_heads,
                  .head_dim = config().head_dim,
                  .scale = reader.positive_or("attention.scale", 1.0f / std::sqrt(scaled_by)),
                  .logit_cap = cap("attn_logit_softcapping", generation.default_logit_cap)};
    if (reader.has("attention.sliding_window"))
      window_ = reader.dimension("attention.sliding_window");
    // The key may be a list too, which says what the architecture means anyway.
    constexpr std::string_view kPattern = "attention.sliding_window_pattern";
    const MetadataValue* const pattern = reader.metadata().find(reader.path(kPattern));
    const bool is_period = pattern != nullptr && std::holds_alternative<std::int64_t>(*pattern);
    global_every_ = is_period ? reader.dimension(kPattern) : generation.global_every;
    if (generation.own_local_rotary)
      local_rotary_base_ = reader.positive_or("rope.freq_base_swa", kLocalRotaryBase);
    scale_embedding(std::sqrt(width));
    cap_logits(cap("final_logit_softcapping", generation.default_final_cap));
    if (generation.bidirectional) encode_only();
  }

  template <Attention Local, Attention Global, class... Blocks>
  AnyBlocks layers(LayerRange range, const typename Local::Mask& local_mask) {
    const auto global = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    const auto local = local_rotary_base_ ? std::make_shared<const Rotary>(rotary_frequencies(
                                                config().rotary_dims, double{*local_rotary_base_}))
                                          : global;
    const auto push = [&]<Attention A>(LayerSchedule<Blocks...>& to, LayerIndex layer,
                                       const std::shared_ptr<const Rotary>& rotary,
                                       const typename A::Mask& mask) {
      to.push_back(TransformerBlock<RmsNorm, A, Mlp, Sandwich>(
          norms(layer), attention<A>(layer, attention_, RotaryRows::kHalfSplit, rotary, mask),
          gated_mlp(layer, GateActivation::kGeluTanh)));
    };
    LayerSchedule<Blocks...> out(range.begin);
    for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
      if (!window_ || (i + 1) % global_every_ == 0) {
        push.template operator()<Global>(out, LayerIndex(i), global, {});
      } else {
        push.template operator()<Local>(out, LayerIndex(i), local, local_mask);
      }
    }
    return AnyBlocks(
        std::make_shared<const DecoderBlocks<Blocks...>>(std::move(out), final_norm(range)));
  }

  Sandwich::Of<RmsNorm> norms(LayerIndex layer) {
    return {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "post_attention_norm.weight"),
            layer_norm(layer, "ffn_norm.weight"), layer_norm(layer, "post_ffw_norm.weight")};
  }

  const Generation& generation_;
  std::int32_t global_every_ = 0;
  AttentionConfig attention_;
  std::optional<std::int32_t> window_;
  std::optional<float> local_rotary_base_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gemma2_builder(const Metadata& metadata,
                                                  const WeightSource& weights, Backend& backend,
                                                  LoadProgress progress) {
  return std::make_unique<GemmaBuilder>(kGemma2, metadata, weights, backend, std::move(progress));
}

std::unique_ptr<ModelBuilder> make_gemma3_builder(const Metadata& metadata,
                                                  const WeightSource& weights, Backend& backend,
                                                  LoadProgress progress) {
  return std::make_unique<GemmaBuilder>(kGemma3, metadata, weights, backend, std::move(progress));
}

std::unique_ptr<ModelBuilder> make_embedding_gemma_builder(const Metadata& metadata,
                                                           const WeightSource& weights,
                                                           Backend& backend,
                                                           LoadProgress progress) {
  return std::make_unique<GemmaBuilder>(kEmbeddingGemma, metadata, weights, backend,
                                        std::move(progress));
}

}  // namespace sirocco
