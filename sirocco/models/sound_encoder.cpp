#include "sirocco/models/sound_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/known_names.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {
namespace {

/// What an encoder of sound is made of, by the keys of llama.cpp's mmproj files.
struct SoundConfig {
  SoundConfig(const Metadata& metadata, const WeightSource& weights, std::int64_t width)
      : reader(metadata) {
    attention.heads = attention.kv_heads = reader.dimension("audio.attention.head_count");
    if (inner % attention.heads != 0) {
      throw FormatError("{}: {} heads for rows of {}, which they don't divide", metadata.origin(),
                        attention.heads, inner);
    }
    attention.head_dim = static_cast<std::int32_t>(inner) / attention.heads;
    info.projector = std::string(projector(metadata));
    info.layers = reader.dimension("audio.block_count");
    info.width = width;
    info.layer_products = static_cast<std::uint64_t>(4 * inner * inner + 2 * inner * feed_forward);
    info.key_products = static_cast<std::uint64_t>(2 * inner * inner);
    info.attention_width = inner;
    info.bins = reader.dimension("audio.num_mel_bins");
    info.positions = positions(metadata, weights);
  }

  static std::string_view projector(const Metadata& metadata) {
    // Files with an encoder of pictures too name one for each.
    constexpr std::array kKeys = {"clip.audio.projector_type", "clip.projector_type"};
    for (const std::string_view key : kKeys)
      if (const auto named = metadata.get<std::string_view>(key)) return *named;
    throw FormatError("{}: {} is missing, so it isn't known what makes rows for the language model",
                      metadata.origin(), quoted(kKeys.back()));
  }

  /// Which only the table tells.
  static std::int32_t positions(const Metadata& metadata, const WeightSource& weights) {
    constexpr std::int64_t kMany = 1 << 16;
    const StoredTensor* const table = weights.find("a.position_embd.weight");
    if (table == nullptr || table->shape.rank() != 2 || table->shape[0] > kMany) {
      throw FormatError("{}: expected a matrix {} with a row for each of at most {} places",
                        metadata.origin(), weights.called("a.position_embd.weight"), kMany);
    }
    return static_cast<std::int32_t>(table->shape[0]);
  }

  ConfigReader reader;
  std::int64_t inner = reader.dimension("audio.embedding_length");
  std::int64_t feed_forward = reader.dimension("audio.feed_forward_length");
  float epsilon = reader.positive_or("audio.attention.layer_norm_epsilon", 1e-5f);
  SoundEncoderInfo info;
  AttentionConfig attention;
};

class SoundLoader {
 public:
  SoundLoader(SoundConfig config, WeightLoader& loader)
      : config_(std::move(config)), loader_(loader) {}

  const SoundConfig& config() const { return config_; }
  WeightLoader& weights() { return loader_; }
  LayerNorm layer_norm(std::string_view stem) {
    return loader_.norm<LayerNorm>(stem, config_.inner, config_.epsilon);
  }

  /// `norm` is the one before the projector, where that has none of its own.
  template <RowProjector P>
  AnySoundEncoder encoder(P projector, std::optional<LayerNorm> norm) {
    SoundEncoderInfo info = config_.info;
    FrameEmbedding embedding = embed();
    std::vector<typename SoundEncoder<P>::Block> layers;
    for (std::int32_t i = 0; i < info.layers; ++i) layers.push_back(layer(i));
    for (const std::string_view begin : {"a.", "mm.a."})
      loader_.expect_all_read(begin, info.projector);
    return AnySoundEncoder(std::make_shared<const SoundEncoder<P>>(
        std::move(info), std::move(embedding), std::move(layers), std::move(norm),
        std::move(projector)));
  }

 private:
  FrameEmbedding embed() {
    constexpr std::int64_t kTaps = Convolution::kTaps;
    Convolution first(
        loader_.turned_convolution("a.conv1d.1", config_.inner, kTaps, config_.info.bins), 1);
    Convolution second(
        loader_.turned_convolution("a.conv1d.2", config_.inner, kTaps, config_.inner), 2);
    return {std::move(first), std::move(second),
            loader_.matrix("a.position_embd.weight", config_.info.positions, config_.inner)};
  }

  SpeechEncoder::Block layer(std::int32_t index) {
    const auto name = [&](std::string_view part) {
      return fmt::format("a.blk.{}.{}", index, part);
    };
    const std::int64_t k = config_.inner;
    const auto square = [&](std::string_view part) { return loader_.linear(name(part), k, k); };
    BidirectionalAttention attention(config_.attention, square("attn_q"), square("attn_k"),
                                     square("attn_v"), square("attn_out"));
    Mlp mlp(PlainActivation::kGeluErf, loader_.linear(name("ffn_up"), config_.feed_forward, k),
            loader_.linear(name("ffn_down"), k, config_.feed_forward));
    return SpeechEncoder::Block(
        SpeechEncoder::Block::Norms(layer_norm(name("ln1")), layer_norm(name("ln2"))),
        std::move(attention), std::move(mlp));
  }

  SoundConfig config_;
  WeightLoader& loader_;
};

AnySoundEncoder qwen2a(SoundLoader& loader) {
  constexpr std::int32_t kMean = 2;
  const SoundConfig& config = loader.config();
  MeanProjector projector(kMean, loader.layer_norm("a.post_ln"),
                          loader.weights().linear("mm.a.fc", config.info.width, config.inner));
  return loader.encoder(std::move(projector), std::nullopt);
}

AnySoundEncoder voxtral(SoundLoader& loader) {
  const SoundConfig& config = loader.config();
  const std::int32_t stack = config.reader.dimension("audio.projector.stack_factor");
  const std::int64_t width = config.info.width;
  if (config.info.positions % stack != 0) {
    throw FormatError("{}: windows of {} rows can't be put together by {}",
                      config.reader.metadata().origin(), config.info.positions, stack);
  }
  WeightLoader& weights = loader.weights();
  MlpProjector projector(weights.linear("mm.a.mlp.1", width, config.inner * stack),
                         PlainActivation::kGeluErf, weights.linear("mm.a.mlp.2", width, width));
  return loader.encoder(StackProjector(stack, std::move(projector)),
                        loader.layer_norm("a.post_ln"));
}

AnySoundEncoder ultravox(SoundLoader& loader) {
  constexpr float kEpsilon = 1e-6f;
  const SoundConfig& config = loader.config();
  const std::int32_t stack = config.reader.dimension("audio.projector.stack_factor");
  const std::int64_t width = config.info.width;
  const std::int64_t stacked = config.inner * stack;
  WeightLoader& weights = loader.weights();
  // The rows of the first product: what is gated, and behind it the gate.
  const std::int64_t both = weights.matrix_shape("mm.a.mlp.1.weight")[0];
  if (both % 2 != 0) {
    throw FormatError("{}: the first product of the projector has {} rows, which have no halves",
                      config.reader.metadata().origin(), both);
  }
  weights.split("mm.a.mlp.1", {{"mm.a.up", both / 2}, {"mm.a.gate", both / 2}});
  SwigluProjector projector(weights.norm<RmsNorm>("mm.a.norm_pre", stacked, kEpsilon),
                            weights.linear("mm.a.gate", both / 2, stacked),
                            weights.linear("mm.a.up", both / 2, stacked),
                            weights.linear("mm.a.mlp.2", width, both / 2));
  if (weights.has("mm.a.norm_mid.weight"))
    projector = std::move(projector).with_middle(
        weights.norm<RmsNorm>("mm.a.norm_mid", both / 2, kEpsilon));
  if (weights.has("mm.a.norm_post.weight"))
    projector =
        std::move(projector).with_end(weights.norm<RmsNorm>("mm.a.norm_post", width, kEpsilon));
  return loader.encoder(StackProjector(stack, std::move(projector)),
                        loader.layer_norm("a.post_ln"));
}

struct KnownProjector {
  std::string_view name;
  AnySoundEncoder (*make)(SoundLoader&);
};
constexpr std::array kProjectors = {
    KnownProjector{"qwen2a", qwen2a},
    KnownProjector{"voxtral", voxtral},
    KnownProjector{"ultravox", ultravox},
};

}  // namespace

AnySoundEncoder make_sound_encoder(const Metadata& metadata, const WeightSource& weights,
                                   WeightPacker& packer, std::int64_t width,
                                   LoadProgress progress) {
  const std::string name(SoundConfig::projector(metadata));
  for (const KnownProjector& known : kProjectors) {
    if (known.name != name) continue;
    WeightLoader loader(weights, packer, std::move(progress));
    SoundLoader sound(SoundConfig(metadata, weights, width), loader);
    return known.make(sound);
  }
  std::vector<std::string_view> names;
  for (const KnownProjector& known : kProjectors) names.push_back(known.name);
  throw UnsupportedError("{}: projector {} for sound isn't supported; known are {}",
                         metadata.origin(), quoted(name), known_names(names, name));
}

}  // namespace sirocco
