#include "sirocco/models/t5.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/models/family.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, BidirectionalAttention, Mlp>;

namespace {

/// By the names of transformers.
struct Activation {
  std::string_view name;
  PlainActivation plain;
  GateActivation gate;
};
constexpr std::array kActivations = {
    Activation{"relu", PlainActivation::kRelu, GateActivation::kRelu},
    Activation{"gelu", PlainActivation::kGeluErf, GateActivation::kGeluErf},
    Activation{"gelu_new", PlainActivation::kGeluTanh, GateActivation::kGeluTanh},
    Activation{"gelu_pytorch_tanh", PlainActivation::kGeluTanh, GateActivation::kGeluTanh},
    Activation{"silu", PlainActivation::kSilu, GateActivation::kSilu},
    Activation{"swish", PlainActivation::kSilu, GateActivation::kSilu},
};

/// "gated-silu", or without a gate "relu". Nothing in GGUF files says it: those with a gate have
/// "gated-gelu", the others "relu".
struct FeedForwardKind {
  bool gated = false;
  Activation activation = kActivations.front();
};

FeedForwardKind parse_feed_forward(const ConfigReader& reader, std::string_view text) {
  constexpr std::string_view kGated = "gated-";
  const bool gated = text.starts_with(kGated);
  std::string_view name = gated ? text.substr(kGated.size()) : text;
  if (gated && name == "gelu") name = "gelu_new";
  const auto* const found = std::ranges::find(kActivations, name, &Activation::name);
  if (found == kActivations.end()) {
    throw UnsupportedError(
        "{}: {} is {}; known are relu, gelu, gelu_new, gelu_pytorch_tanh, silu and swish, each "
        "with "
        "'gated-' before it or without",
        reader.metadata().origin(), sirocco::quoted(reader.path("feed_forward_proj")),
        sirocco::quoted(text));
  }
  return {gated, *found};
}

class T5 : public Family {
 public:
  using Layers = LayerSchedule<T5Block>;

  static DecoderConfig read(const ConfigReader& reader, const WeightSource& weights) {
    DecoderConfig config = read_decoder_config(reader, weights);
    config.place_by_distance();
    config.attention.scale = 1.0f;
    config.info.generates = false;
    return config;
  }

  T5(const ConfigReader& reader, const DecoderConfig& /*config*/)
      : origin_(reader.metadata().origin()),
        buckets_{.count = reader.dimension("attention.relative_buckets_count"),
                 .max_distance = reader.dimension_or("attention.relative_max_distance",
                                                     RelativeBuckets().max_distance)} {
    if (constexpr std::string_view kKey = "feed_forward_proj"; reader.has(kKey))
      said_ = parse_feed_forward(reader, reader.text_or(kKey, ""));
  }

  void add(LayerLoader& layer, Layers& layers) {
    layer.add_block<RmsNorm>(layers, {.mixer = "attn_norm", .ffn = "ffn_norm"},
                             layer.attention<BidirectionalAttention>(RotaryRows::kHalfSplit)
                                 .with_relative_bias(relative_bias(layer)),
                             feed_forward(layer));
  }

 private:
  Mlp feed_forward(LayerLoader& layer) const {
    FeedForwardKind kind;
    if (said_) {
      kind = *said_;
    } else if (layer.weights().has(layer.name("ffn_gate.weight"))) {
      kind = {true, *std::ranges::find(kActivations, "gelu_new", &Activation::name)};
    }
    return kind.gated ? layer.gated_mlp(kind.activation.gate)
                      : layer.ungated_mlp(kind.activation.plain);
  }

  /// The layer's own, or the one of the first, which is all layers'.
  RelativeBias relative_bias(LayerLoader& layer) {
    if (const std::string own = layer.name("attn_rel_b.weight");
        layer.index() != LayerIndex(0) && layer.weights().has(own))
      return load_bias(layer, own);
    if (!bias_) bias_ = load_bias(layer, "blk.0.attn_rel_b.weight");
    return *bias_;
  }
  RelativeBias load_bias(LayerLoader& layer, std::string_view name) const {
    const std::int32_t heads = layer.config().attention.heads;
    const auto by_bucket = layer.weights().floats(name, Shape{buckets_.count, heads});
    try {
      return {buckets_, heads, by_bucket};
    } catch (const InvalidArgument& e) {
      throw FormatError("{}: {}", origin_, e.what());
    }
  }

  std::string origin_;
  RelativeBuckets buckets_;
  std::optional<FeedForwardKind> said_;
  std::optional<RelativeBias> bias_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_t5_builder(const ModelSources& from) {
  return build_family<T5>(from);
}

}  // namespace sirocco
