#include "sirocco/models/vit_loader.hpp"

#include <fmt/format.h>

#include <array>
#include <span>

#include "sirocco/checkpoint/known_names.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

namespace {

std::string_view projector(const Metadata& metadata) {
  // Files with an encoder of sound too name one for each.
  constexpr std::array kKeys = {"clip.vision.projector_type", "clip.projector_type"};
  for (const std::string_view key : kKeys)
    if (const auto named = metadata.get<std::string_view>(key)) return *named;
  if (metadata.get_or<bool>("clip.has_llava_projector", false)) return "mlp";  // as of 2023
  throw FormatError("{}: {} is missing, so it isn't known what makes rows for the language model",
                    metadata.origin(), quoted(kKeys.back()));
}

template <class Activation>
struct Named {
  std::string_view name;
  Activation activation;
};
template <class Activation>
Activation find_activation(const Metadata& metadata, std::span<const Named<Activation>> known,
                           std::string_view name) {
  for (const Named<Activation>& named : known)
    if (named.name == name) return named.activation;
  throw UnsupportedError("{}: activation {} isn't supported", metadata.origin(), quoted(name));
}
std::optional<std::string_view> said_activation(const Metadata& metadata) {
  return metadata.get<std::string_view>("clip.vision.hidden_act");
}

}  // namespace

VitConfig::VitConfig(const Metadata& metadata, std::int64_t width)
    : reader(metadata),
      inner(reader.dimension("vision.embedding_length")),
      feed_forward(reader.dimension("vision.feed_forward_length")),
      epsilon(reader.positive("vision.attention.layer_norm_epsilon")) {
  info.projector = std::string(projector(metadata));
  info.layers = reader.dimension("vision.block_count");
  info.channels = reader.dimension_or("vision.num_channels", 3);
  info.patch = reader.dimension("vision.patch_size");
  info.width = width;
  grid_side = reader.dimension("vision.image_size") / info.patch;
  attention.heads = attention.kv_heads = reader.dimension("vision.attention.head_count");
  if (inner % attention.heads != 0) {
    throw FormatError("{}: {} heads for rows of {}, which they don't divide", metadata.origin(),
                      attention.heads, inner);
  }
  attention.head_dim = static_cast<std::int32_t>(inner) / attention.heads;
  info.attention_width = inner;
}

PlainActivation VitConfig::activation() const {
  constexpr std::array kNames = {
      Named<PlainActivation>{"quick_gelu", PlainActivation::kQuickGelu},
      Named<PlainActivation>{"gelu_pytorch_tanh", PlainActivation::kGeluTanh},
      Named<PlainActivation>{"gelu_new", PlainActivation::kGeluTanh},
      Named<PlainActivation>{"gelu", PlainActivation::kGeluErf},
      Named<PlainActivation>{"silu", PlainActivation::kSilu}};
  const Metadata& metadata = reader.metadata();
  if (const auto said = said_activation(metadata))
    return find_activation<PlainActivation>(metadata, kNames, *said);
  if (metadata.get_or<bool>("clip.use_gelu", false))
    return is_old_llava() ? PlainActivation::kGeluErf : PlainActivation::kGeluTanh;
  if (metadata.get_or<bool>("clip.use_silu", false)) return PlainActivation::kSilu;
  return PlainActivation::kQuickGelu;
}

bool VitConfig::is_old_llava() const {
  return reader.metadata().find("clip.has_llava_projector") != nullptr;
}

GateActivation VitConfig::gate_activation() const {
  constexpr std::array kNames = {
      Named<GateActivation>{"silu", GateActivation::kSilu},
      Named<GateActivation>{"gelu_pytorch_tanh", GateActivation::kGeluTanh},
      Named<GateActivation>{"gelu", GateActivation::kGeluErf}};
  const Metadata& metadata = reader.metadata();
  if (const auto said = said_activation(metadata))
    return find_activation<GateActivation>(metadata, kNames, *said);
  // What is converted says "gelu" of both, and gated ones with it are exact.
  return metadata.get_or<bool>("clip.use_gelu", false) ? GateActivation::kGeluErf
                                                       : GateActivation::kSilu;
}

std::optional<std::vector<std::int32_t>> VitConfig::layers(std::string_view key) const {
  const Metadata& metadata = reader.metadata();
  const std::string path = reader.path(key);
  const auto* const said = metadata.get_array<std::vector<std::int64_t>>(path);
  if (said == nullptr) return std::nullopt;
  std::vector<std::int32_t> out;
  for (const std::int64_t layer : *said) {
    if (layer < 0 || layer > info.layers) {
      throw FormatError("{}: {} has {}, but the encoder has {} layers", metadata.origin(),
                        quoted(path), layer, info.layers);
    }
    out.push_back(static_cast<std::int32_t>(layer));
  }
  return out;
}

std::vector<std::int32_t> VitConfig::features() const {
  const auto said = layers("vision.feature_layer");
  return said && said->size() > 1 ? *said : std::vector<std::int32_t>();
}

void VitLoader::measure_mlps() {
  config_.feed_forward = loader_.matrix_shape(name(0, "ffn_up.weight"))[0];
}

void VitLoader::rotate(std::vector<float> (*angles)(int pairs, float base), RotaryRows order) {
  const std::int32_t pairs = config_.attention.head_dim / 2;
  if (config_.attention.head_dim % 4 != 0) {
    throw FormatError("{}: heads of {} elements can't be turned by row and column",
                      config_.reader.metadata().origin(), config_.attention.head_dim);
  }
  const float base = config_.reader.positive_or("vision.rope.freq_base", 10000.0f);
  const std::array<int, 2> sections = {pairs / 2, pairs / 2};
  rotary_ = std::make_shared<const Rotary>(
      Rotary(angles(pairs, base)).with_sections(sections, SectionOrder::kInARow));
  rotary_rows_ = order;
}

PatchEmbedding VitLoader::embedding(PatchPlaces places) {
  constexpr std::string_view kClass = "v.class_embd";
  constexpr std::string_view kPositions = "v.position_embd.weight";
  const PictureEncoderInfo& info = config_.info;
  PatchEmbedding out(
      loader_.patch_linear("v.patch_embd", config_.inner, info.channels, info.patch));
  if (loader_.has(kClass))
    out = std::move(out).with_class_row(loader_.vector(kClass, config_.inner));
  if (rotary_ == nullptr || loader_.has(kPositions)) {
    const std::int32_t side = config_.grid_side;
    const std::int64_t count = out.rows_before() + std::int64_t{side} * side;
    out = std::move(out).with_positions(
        PatchPositions(loader_.matrix(kPositions, count, config_.inner), side, places));
  }
  return out;
}

std::string VitLoader::name(std::int32_t layer, std::string_view part) {
  return fmt::format("v.blk.{}.{}", layer, part);
}

VitLoader::AttentionLinears VitLoader::attention(std::int32_t layer) {
  const std::int64_t k = config_.inner;
  loader_.split(
      name(layer, "attn_qkv"),
      {{name(layer, "attn_q"), k}, {name(layer, "attn_k"), k}, {name(layer, "attn_v"), k}});
  const std::int32_t head_dim = config_.attention.head_dim;
  const HeadRows heads{config_.attention.heads, head_dim, head_dim, rotary_rows_};
  const auto turned = [&](std::string_view part) {
    return loader_.rotary_linear(name(layer, part), heads, k);
  };
  const auto plain = [&](std::string_view part) { return loader_.linear(name(layer, part), k, k); };
  return {turned("attn_q"), turned("attn_k"), plain("attn_v"), plain("attn_out")};
}

bool VitLoader::is_gated(std::int32_t layer) const {
  return loader_.has(name(layer, "ffn_gate.weight"));
}

PlainActivation VitLoader::activation() const {
  // Old files only know whether it is the exact GELU. SigLIP's never is, nor CLIP's quick one.
  const bool is_siglip = !loader_.has("v.class_embd");
  const PlainActivation said = config_.activation();
  return config_.is_old_llava() && is_siglip && said == PlainActivation::kQuickGelu
             ? PlainActivation::kGeluTanh
             : said;
}

Mlp VitLoader::mlp(std::int32_t layer) {
  const std::int64_t k = config_.inner;
  const std::int64_t f = config_.feed_forward;
  std::string up = name(layer, "ffn_up");
  std::string down = name(layer, "ffn_down");
  if (is_gated(layer)) {
    return {config_.gate_activation(), loader_.linear(name(layer, "ffn_gate"), f, k),
            loader_.linear(up, f, k), loader_.linear(down, k, f)};
  }
  // The first of the two products is the wider one; some files of old call it "down".
  if (f != k && loader_.matrix_shape(up + ".weight") == Shape{k, f}) std::swap(up, down);
  return {activation(), loader_.linear(up, f, k), loader_.linear(down, k, f)};
}

namespace {

struct KnownProjector {
  std::string_view name;
  AnyPictureEncoder (*make)(VitLoader&);
};
constexpr std::array kProjectors = {
    KnownProjector{"mlp", mlp_encoder},
    KnownProjector{"idefics3", idefics3_encoder},
    KnownProjector{"gemma3", gemma3_encoder},
    KnownProjector{"class", class_encoder},
    KnownProjector{"attention_pool", attention_pool_encoder},
    KnownProjector{"qwen2vl_merger", qwen2_encoder},
    KnownProjector{"qwen2.5vl_merger", qwen2_5_encoder},
    KnownProjector{"qwen3vl_merger", qwen3_encoder},
    KnownProjector{"pixtral", pixtral_encoder},
};

}  // namespace

AnyPictureEncoder make_picture_encoder(const Metadata& metadata, const WeightSource& weights,
                                       WeightPacker& packer, std::int64_t width,
                                       LoadProgress progress) {
  WeightLoader loader(weights, packer, std::move(progress));
  VitLoader vit(VitConfig(metadata, width), loader);
  const std::string& name = vit.config().info.projector;
  for (const KnownProjector& known : kProjectors)
    if (known.name == name) return known.make(vit);
  std::vector<std::string_view> names;
  for (const KnownProjector& known : kProjectors) names.push_back(known.name);
  throw UnsupportedError("{}: projector {} isn't supported; known are {}", metadata.origin(),
                         quoted(name), known_names(names, name));
}

}  // namespace sirocco
