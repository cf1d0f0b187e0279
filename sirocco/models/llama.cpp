#include "sirocco/models/llama.hpp"

#include "sirocco/base/error.hpp"
#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, CausalAttention, Mlp>;
template class TransformerBlock<RmsNorm, SlidingWindowAttention, Mlp>;
template class TransformerBlock<RmsNorm, CausalAttention, MoE>;
template class TransformerBlock<RmsNorm, SlidingWindowAttention, MoE>;

namespace {

constexpr RouterSpec kMixtralRouter{.normalize = true};

class Llama : public Family {
 public:
  using Layers = LayerSchedule<LlamaBlock, MistralBlock, MixtralBlock, WindowedMixtralBlock>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    return read_decoder_config(reader, weights, &kMixtralRouter);
  }
  Llama(const ConfigReader& reader, const DecoderConfig& /*config*/)
      : window_(reader.has("attention.sliding_window")
                    ? std::optional(reader.dimension("attention.sliding_window"))
                    : std::nullopt) {}

  void add(LayerLoader& layer, Layers& layers) const {
    if (window_)
      add_seeing<SlidingWindowAttention>(layer, layers, {*window_});
    else
      add_seeing<CausalAttention>(layer, layers, {});
  }

 private:
  template <Attention A>
  static void add_seeing(LayerLoader& layer, Layers& layers, const typename A::Mask& mask) {
    layer.add_block<RmsNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                             layer.attention<A>(RotaryRows::kNeighbouringPairs, mask),
                             layer.feed_forward(GateActivation::kSilu));
  }

  std::optional<std::int32_t> window_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_llama_builder(const ModelSources& from) {
  return build_family<Llama>(from);
}

std::unique_ptr<ModelBuilder> make_mistral3_builder(const ModelSources& from) {
  const ConfigReader reader(from.metadata);
  constexpr std::string_view kKey = "attention.temperature_scale";
  if (reader.cap_or_none(kKey) != 0.0f) {
    throw UnsupportedError(
        "{}: {} says that scores grow with the position, as in Ministral 3, which isn't supported",
        from.metadata.origin(), quoted(reader.path(kKey)));
  }
  return build_family<Llama>(from);
}

}  // namespace sirocco
