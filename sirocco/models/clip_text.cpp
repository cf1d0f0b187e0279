#include "sirocco/models/clip_text.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/models/family.hpp"

namespace sirocco {
namespace {

PlainActivation activation_of(const ConfigReader& reader, std::string_view fallback) {
  const std::string name = reader.text_or("hidden_act", fallback);
  if (name == "quick_gelu") return PlainActivation::kQuickGelu;
  if (name == "gelu") return PlainActivation::kGeluErf;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return PlainActivation::kGeluTanh;
  throw UnsupportedError(
      "{}: activation {} isn't supported; known are quick_gelu, gelu, gelu_pytorch_tanh and "
      "gelu_new",
      reader.metadata().origin(), sirocco::quoted(name));
}

/// What both have in common; `A` says what a token sees.
template <Attention A>
struct PairedText : Family {
  using Layers = LayerSchedule<TransformerBlock<LayerNorm, A, Mlp>>;
  using FinalNorm = LayerNorm;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    config.learn_positions();
    config.info.generates = false;
    config.info.pooling = Pooling::kLast;
    return config;
  }
  void add(LayerLoader& layer, Layers& layers) const {
    layer.add_block<LayerNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                               layer.step_attention<A>(RotaryRows::kHalfSplit, {}, layer.rotary()),
                               layer.ungated_mlp(activation));
  }

  PlainActivation activation;
};

/// The last row is that of the token which ends a text.
struct ClipText : PairedText<CausalAttention> {
  ClipText(const ConfigReader& reader, const DecoderConfig&)
      : PairedText{{}, activation_of(reader, "quick_gelu")} {}
};

/// The last row is that of a text's last place, whatever fills it.
struct SiglipText : PairedText<BidirectionalAttention> {
  SiglipText(const ConfigReader& reader, const DecoderConfig&)
      : PairedText{{}, activation_of(reader, "gelu_pytorch_tanh")} {}

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = PairedText::read(reader, weights);
    config.info.fills_texts = true;
    return config;
  }
};

}  // namespace

ClipTextEnd::ClipTextEnd(const Metadata& metadata)
    : id_(metadata.require<std::int64_t>(ConfigReader(metadata).path("eos_token_id"))) {}

std::int64_t ClipTextEnd::row(std::span<const TokenId> tokens) const {
  constexpr std::int64_t kOfFirstCheckpoints = 2;
  const auto found = id_ == kOfFirstCheckpoints ? std::ranges::max_element(tokens)
                                                : std::ranges::find(tokens, id_, &TokenId::value);
  return found == tokens.end() ? 0 : found - tokens.begin();
}

std::unique_ptr<ModelBuilder> make_clip_text_builder(const ModelSources& from) {
  return build_family<ClipText>(from);
}

std::unique_ptr<ModelBuilder> make_siglip_text_builder(const ModelSources& from) {
  return build_family<SiglipText>(from);
}

}  // namespace sirocco
