#include "sirocco/models/picture_encoder.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/known_names.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {

template class TransformerBlock<LayerNorm, BidirectionalAttention, Mlp>;

template <Projector P>
Tensor PictureEncoder<P>::wanted_rows(const Tensor& x, TransformContext& context) const {
  const std::int32_t before = embedding_.rows_before();
  if (before == 0 || rows_ == Rows::kAll) return x;
  std::vector<std::int32_t>& rows = context.host_integers();
  std::int32_t row = 0;
  for (const SequenceRows& s : context.host_rows().sequences) {
    const auto end = row + static_cast<std::int32_t>(s.rows());
    for (row += before; row < end; ++row) rows.push_back(row);
  }
  const Tensor wanted = context.ops().upload(context.scratch(), rows, {std::ssize(rows)});
  const Tensor out = context.scratch().tensor(DType::kF32, {std::ssize(rows), x.columns()});
  context.ops().gather_rows(x, wanted, Out(out));
  return out;
}

template <Projector P>
void PictureEncoder<P>::keep_features(const Hidden& stream, std::int32_t layers,
                                      TransformContext& context) const {
  const std::int64_t rows = context.rows();
  const Tensor x = stream.values().slice_rows(0, rows);
  for (std::size_t i = 0; i < features_.size(); ++i) {
    if (features_[i] != layers) continue;
    const auto first = static_cast<std::int64_t>(i + 1) * rows;
    context.ops().copy_columns(x, 0, x.columns(), Out(stream.values().slice_rows(first, rows)), 0);
  }
}

template <Projector P>
Tensor PictureEncoder<P>::features(const Hidden& stream, TransformContext& context) const {
  if (features_.empty()) return stream.values();
  const std::int64_t rows = context.rows();
  const std::int64_t width = stream.values().columns();
  const auto count = std::ssize(features_);
  const Tensor out = context.scratch().tensor(DType::kF32, {rows, count * width});
  for (std::int64_t i = 0; i < count; ++i) {
    context.ops().copy_columns(stream.values().slice_rows((i + 1) * rows, rows), 0, width, Out(out),
                               i * width);
  }
  return out;
}

namespace {

/// What a vision transformer is made of, by the keys of llama.cpp's mmproj files and those that
/// folders have besides.
struct VitConfig {
  explicit VitConfig(const Metadata& metadata, std::int64_t width)
      : reader(metadata), info(read_info(reader, width)) {
    attention.heads = attention.kv_heads = reader.dimension("vision.attention.head_count");
    if (inner % attention.heads != 0) {
      throw FormatError("{}: {} heads for rows of {}, which they don't divide", metadata.origin(),
                        attention.heads, inner);
    }
    attention.head_dim = static_cast<std::int32_t>(inner) / attention.heads;
    info.layer_products = static_cast<std::uint64_t>(4 * inner * inner + 2 * inner * feed_forward);
    info.attention_width = inner;
  }

  EncoderInfo read_info(const ConfigReader& from, std::int64_t width) {
    EncoderInfo out;
    out.projector = std::string(projector(from));
    out.layers = from.dimension("vision.block_count");
    out.channels = from.dimension_or("vision.num_channels", 3);
    out.patch = from.dimension("vision.patch_size");
    out.grid_side = from.dimension("vision.image_size") / out.patch;
    out.width = width;
    return out;
  }

  static std::string_view projector(const ConfigReader& from) {
    const Metadata& metadata = from.metadata();
    // Files with an encoder of sound too name one for each.
    constexpr std::array kKeys = {"clip.vision.projector_type", "clip.projector_type"};
    for (const std::string_view key : kKeys)
      if (const auto named = metadata.get<std::string_view>(key)) return *named;
    throw FormatError("{}: {} is missing, so it isn't known what makes rows for the language model",
                      metadata.origin(), quoted(kKeys.back()));
  }

  /// Files of llama.cpp only tell whether it is one of two.
  PlainActivation activation() const {
    struct Named {
      std::string_view name;
      PlainActivation activation;
    };
    constexpr std::array kNames = {Named{"quick_gelu", PlainActivation::kQuickGelu},
                                   Named{"gelu_pytorch_tanh", PlainActivation::kGeluTanh},
                                   Named{"gelu_new", PlainActivation::kGeluTanh},
                                   Named{"gelu", PlainActivation::kGeluErf},
                                   Named{"silu", PlainActivation::kSilu}};
    const Metadata& metadata = reader.metadata();
    if (const auto said = metadata.get<std::string_view>("clip.vision.hidden_act")) {
      for (const Named& named : kNames)
        if (named.name == *said) return named.activation;
      throw UnsupportedError("{}: activation {} isn't supported", metadata.origin(), quoted(*said));
    }
    if (metadata.get_or<bool>("clip.use_gelu", false)) return PlainActivation::kGeluTanh;
    if (metadata.get_or<bool>("clip.use_silu", false)) return PlainActivation::kSilu;
    return PlainActivation::kQuickGelu;
  }

  ConfigReader reader;
  std::int64_t inner = reader.dimension("vision.embedding_length");
  std::int64_t feed_forward = reader.dimension("vision.feed_forward_length");
  float epsilon = reader.positive("vision.attention.layer_norm_epsilon");
  EncoderInfo info;
  AttentionConfig attention;
};

class VitLoader {
 public:
  VitLoader(VitConfig config, WeightLoader& loader) : config_(std::move(config)), loader_(loader) {}

  const VitConfig& config() const { return config_; }
  WeightLoader& weights() { return loader_; }

  template <Projector P>
  AnyEncoder encoder(P projector, PatchPlaces places = PatchPlaces::kOwn,
                     typename PictureEncoder<P>::Rows rows = PictureEncoder<P>::Rows::kOfPatches) {
    PatchEmbedding embedding = embed(places);
    EncoderInfo info = config_.info;
    info.rows_before = embedding.rows_before();
    if (loader_.has(kNewline)) info.newline = loader_.vector(kNewline, info.width);
    std::vector<VitBlock> layers;
    for (std::int32_t i = 0; i < info.layers; ++i) layers.push_back(layer(i));
    std::optional<LayerNorm> norm;
    if (loader_.has("v.post_ln.weight")) norm = layer_norm("v.post_ln");
    loader_.expect_all_read("", info.projector);
    return AnyEncoder(std::make_shared<const PictureEncoder<P>>(
        std::move(info), std::move(embedding), std::move(layers), features(), std::move(norm),
        std::move(projector), rows));
  }

  /// The layers behind which rows are wanted, where there are several.
  std::vector<std::int32_t> features() const {
    constexpr std::string_view kKey = "clip.vision.feature_layer";
    const Metadata& metadata = config_.reader.metadata();
    const auto* const several = metadata.get_array<std::vector<std::int64_t>>(kKey);
    if (several == nullptr || several->size() < 2) return {};
    std::vector<std::int32_t> out;
    for (const std::int64_t layer : *several) {
      if (layer < 0 || layer > config_.info.layers) {
        throw FormatError("{}: {} has {}, but the encoder has {} layers", metadata.origin(),
                          quoted(kKey), layer, config_.info.layers);
      }
      out.push_back(static_cast<std::int32_t>(layer));
    }
    return out;
  }

 private:
  static constexpr std::string_view kNewline = "v.image_newline";

  PatchEmbedding embed(PatchPlaces rule) {
    const EncoderInfo& info = config_.info;
    WeightVector class_row;
    if (loader_.has("v.class_embd")) class_row = loader_.vector("v.class_embd", config_.inner);
    const std::int64_t places = (class_row ? 1 : 0) + std::int64_t{info.grid_side} * info.grid_side;
    PatchEmbedding made(
        loader_.patch_linear("v.patch_embd", config_.inner, info.channels, info.patch),
        std::move(class_row), loader_.matrix("v.position_embd.weight", places, config_.inner),
        info.grid_side, rule);
    if (!loader_.has("v.pre_ln.weight")) return made;
    return std::move(made).with_norm(layer_norm("v.pre_ln"));
  }

  VitBlock layer(std::int32_t index) {
    const auto name = [&](std::string_view part) {
      return fmt::format("v.blk.{}.{}", index, part);
    };
    const std::int64_t k = config_.inner;
    const auto square = [&](std::string_view part) { return loader_.linear(name(part), k, k); };
    loader_.split(name("attn_qkv"),
                  {{name("attn_q"), k}, {name("attn_k"), k}, {name("attn_v"), k}});
    BidirectionalAttention attention(config_.attention, square("attn_q"), square("attn_k"),
                                     square("attn_v"), square("attn_out"));
    // The first of the two products is the wider one; some files of old call it "down".
    std::string first = name("ffn_up");
    std::string second = name("ffn_down");
    if (config_.feed_forward != k &&
        loader_.matrix_shape(first + ".weight") == Shape{k, config_.feed_forward})
      std::swap(first, second);
    Mlp mlp(config_.activation(), loader_.linear(first, config_.feed_forward, k),
            loader_.linear(second, k, config_.feed_forward));
    return VitBlock(VitBlock::Norms(layer_norm(name("ln1")), layer_norm(name("ln2"))),
                    std::move(attention), std::move(mlp));
  }

  LayerNorm layer_norm(std::string_view stem) {
    return loader_.norm<LayerNorm>(stem, config_.inner, config_.epsilon);
  }

  VitConfig config_;
  WeightLoader& loader_;
};

AnyEncoder mlp(VitLoader& loader) {
  const std::int64_t width = loader.config().info.width;
  const auto features = std::max<std::int64_t>(1, std::ssize(loader.features()));
  MlpProjector projector(loader.weights().linear("mm.0", width, features * loader.config().inner),
                         PlainActivation::kGeluErf, loader.weights().linear("mm.2", width, width));
  const bool all = loader.config().reader.metadata().get_or<bool>("clip.vision.keeps_class", false);
  using Rows = PictureEncoder<MlpProjector>::Rows;
  return loader.encoder(std::move(projector), PatchPlaces::kOwn,
                        all ? Rows::kAll : Rows::kOfPatches);
}

/// The side of squares of patches that become one row. Throws FormatError unless whole ones fill
/// the grid.
std::int32_t square_side(const VitConfig& config) {
  const std::int32_t side = config.reader.dimension_or("vision.projector.scale_factor", 2);
  if (config.info.grid_side % side != 0) {
    throw FormatError("{}: squares of {} patches a side don't fill a grid of {} a side",
                      config.reader.metadata().origin(), side, config.info.grid_side);
  }
  return side;
}

AnyEncoder idefics3(VitLoader& loader) {
  const VitConfig& config = loader.config();
  const std::int32_t side = square_side(config);
  ShuffleProjector projector(
      side, loader.weights().linear("mm.model.fc", config.info.width, config.inner * side * side));
  return loader.encoder(std::move(projector), PatchPlaces::kFraction);
}

AnyEncoder gemma3(VitLoader& loader) {
  const VitConfig& config = loader.config();
  WeightLoader& weights = loader.weights();
  // So many rows a side become of any picture.
  constexpr std::int32_t kRowsOfASide = 16;
  const std::int32_t rows =
      config.reader.dimension_or("vision.projector.rows_of_a_side", kRowsOfASide);
  if (rows > config.info.grid_side) {
    throw FormatError("{}: {} rows a side of a grid of {} a side",
                      config.reader.metadata().origin(), rows, config.info.grid_side);
  }
  return loader.encoder(PoolProjector(
      config.info.grid_side / rows,
      weights.norm<RmsNorm>("mm.soft_emb_norm", config.inner, config.epsilon),
      weights.turned_linear("mm.input_projection.weight", config.info.width, config.inner)));
}

struct KnownProjector {
  std::string_view name;
  AnyEncoder (*make)(VitLoader&);
};
constexpr std::array kProjectors = {
    KnownProjector{"mlp", mlp},
    KnownProjector{"idefics3", idefics3},
    KnownProjector{"gemma3", gemma3},
};

}  // namespace

AnyEncoder make_encoder(const Metadata& metadata, const WeightSource& weights, WeightPacker& packer,
                        std::int64_t width, LoadProgress progress) {
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
