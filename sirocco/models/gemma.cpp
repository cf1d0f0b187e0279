#include "sirocco/models/gemma.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/models/family.hpp"

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
  const auto* const found =
      std::ranges::find(kGenerations, architecture, &Generation::architecture);
  SIROCCO_CHECK(found != kGenerations.end());
  return *found;
}

class Gemma : public Family {
 public:
  using Layers = LayerSchedule<GemmaLocalBlock, GemmaGlobalBlock, EmbeddingGemmaBlock>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    const Generation& generation = generation_of(config.info.architecture);
    const auto cap = [&](std::string_view key, float fallback) {
      return reader.has(key) ? reader.cap_or_none(key) : fallback;
    };
    const auto width = static_cast<float>(config.info.width);
    const bool is_27b = config.info.layers == generation.layers_of_27b;
    const float scaled_by = is_27b ? width / static_cast<float>(config.attention.heads)
                                   : static_cast<float>(config.attention.head_dim);
    config.attention.scale = reader.positive_or("attention.scale", 1.0f / std::sqrt(scaled_by));
    config.attention.logit_cap = cap("attn_logit_softcapping", generation.default_logit_cap);
    config.embedding_scale = std::sqrt(width);
    config.final_cap = cap("final_logit_softcapping", generation.default_final_cap);
    if (generation.bidirectional) config.info.generates = false;
    return config;
  }

  Gemma(const ConfigReader& reader, const DecoderConfig& config)
      : generation_(generation_of(config.info.architecture)),
        pattern_(read_window_pattern(reader, generation_.global_every)) {
    if (!generation_.own_local_rotary) return;
    const float base = reader.positive_or("rope.freq_base_swa", kLocalRotaryBase);
    local_rotary_ =
        std::make_shared<const Rotary>(rotary_frequencies(config.rotary_dims, double{base}));
  }

  void add(LayerLoader& layer, Layers& layers) const {
    const bool is_local = pattern_.is_local(layer.index());
    const auto rotary = is_local && local_rotary_ ? local_rotary_ : layer.rotary();
    const std::int32_t window = is_local ? *pattern_.window : MaskSpec::kNoWindow;
    if (generation_.bidirectional) {
      // A window around a row counts both of its sides.
      add_seeing<BidirectionalAttention>(layer, layers, {is_local ? window / 2 + 1 : window},
                                         rotary);
    } else if (is_local) {
      add_seeing<SlidingWindowAttention>(layer, layers, {window}, rotary);
    } else {
      add_seeing<CausalAttention>(layer, layers, {}, rotary);
    }
  }

 private:
  template <Attention A>
  static void add_seeing(LayerLoader& layer, Layers& layers, const typename A::Mask& mask,
                         const std::shared_ptr<const Rotary>& rotary) {
    layer.add_block<RmsNorm, Sandwich>(layers,
                                       {.mixer = "attn_norm",
                                        .ffn = "ffn_norm",
                                        .behind_mixer = "post_attention_norm",
                                        .behind_ffn = "post_ffw_norm"},
                                       layer.attention<A>(RotaryRows::kHalfSplit, mask, rotary),
                                       layer.gated_mlp(GateActivation::kGeluTanh));
  }

  const Generation& generation_;
  WindowPattern pattern_;
  std::shared_ptr<const Rotary> local_rotary_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_gemma_builder(const ModelSources& from) {
  return build_family<Gemma>(from);
}

}  // namespace sirocco
