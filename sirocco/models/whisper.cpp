#include "sirocco/models/whisper.hpp"

#include <fmt/format.h>

#include "sirocco/base/error.hpp"
#include "sirocco/models/config.hpp"
#include "sirocco/models/weight_loader.hpp"

namespace sirocco {

namespace {

constexpr float kNormEpsilon = 1e-5f;

SpeechConfig read_config(const Metadata& metadata) {
  const ConfigReader reader(metadata);
  SpeechConfig out;
  out.width = reader.dimension("embedding_length");
  out.vocabulary = reader.dimension("vocab_size");
  out.bins = reader.dimension("encoder.bands");
  out.encoder = {
      reader.dimension("encoder.block_count"), reader.dimension("encoder.attention.head_count"),
      reader.dimension("encoder.feed_forward_length"), reader.dimension("encoder.context_length")};
  out.decoder = {reader.dimension("block_count"), reader.dimension("attention.head_count"),
                 reader.dimension("feed_forward_length"), reader.dimension("context_length")};
  for (const auto* layers : {&out.encoder, &out.decoder}) {
    if (out.width % layers->heads != 0) {
      throw FormatError("{}: {} heads don't divide a width of {}", metadata.origin(), layers->heads,
                        out.width);
    }
  }
  return out;
}

/// Makes the ingredients of both halves, whose names differ in their beginning.
struct Loader {
  WeightLoader weights;
  SpeechConfig config;

  AttentionConfig attention(const SpeechConfig::Layers& layers) const {
    return {.heads = layers.heads,
            .kv_heads = layers.heads,
            .head_dim = static_cast<std::int32_t>(config.width / layers.heads)};
  }
  Linear square(const std::string& stem) {
    return weights.linear(stem, config.width, config.width);
  }
  LayerNorm norm(const std::string& stem) {
    return weights.norm<LayerNorm>(stem, config.width, kNormEpsilon);
  }
  Mlp mlp(const std::string& layer, const SpeechConfig::Layers& layers) {
    return {PlainActivation::kGeluErf,
            weights.linear(layer + "ffn_up", layers.feed_forward, config.width),
            weights.linear(layer + "ffn_down", config.width, layers.feed_forward)};
  }
  template <class A>
  A attend(const std::string& stem, const SpeechConfig::Layers& layers) {
    Linear q = square(stem + "_q");
    Linear k = square(stem + "_k");
    Linear v = square(stem + "_v");
    return A(attention(layers), std::move(q), std::move(k), std::move(v), square(stem + "_output"));
  }
};

std::shared_ptr<const SpeechEncoder> load_encoder(Loader& from) {
  const SpeechConfig& c = from.config;
  Convolution first(from.weights.convolution("enc.conv1", c.width, Convolution::kTaps, c.bins), 1);
  Convolution second(from.weights.convolution("enc.conv2", c.width, Convolution::kTaps, c.width),
                     2);
  auto positions = from.weights.matrix("enc.position_embd.weight", c.encoder.positions, c.width);
  std::vector<SpeechEncoder::Block> layers;
  for (std::int32_t i = 0; i < c.encoder.count; ++i) {
    const std::string layer = fmt::format("enc.{}.", i);
    SpeechEncoder::Block::Norms norms(from.norm(layer + "attn_norm"),
                                      from.norm(layer + "ffn_norm"));
    auto attention = from.attend<BidirectionalAttention>(layer + "attn", c.encoder);
    layers.emplace_back(std::move(norms), std::move(attention), from.mlp(layer, c.encoder));
  }
  SoundEncoderInfo info;
  info.layers = c.encoder.count;
  info.width = info.attention_width = c.width;
  info.layer_products =
      static_cast<std::uint64_t>(4 * c.width * c.width + 2 * c.width * c.encoder.feed_forward);
  info.key_products = static_cast<std::uint64_t>(2 * c.width * c.width);
  info.bins = c.bins;
  info.positions = c.encoder.positions;
  return std::make_shared<const SpeechEncoder>(
      std::move(info), FrameEmbedding(std::move(first), std::move(second), std::move(positions)),
      std::move(layers), from.norm("enc.output_norm"), UnchangedRows(c.width));
}

std::shared_ptr<const SpeechDecoder> load_decoder(Loader& from) {
  const SpeechConfig& c = from.config;
  auto table = from.weights.matrix("token_embd.weight", c.vocabulary, c.width);
  auto positions = from.weights.matrix("position_embd.weight", c.decoder.positions, c.width);
  std::vector<SpeechDecoder::Block> layers;
  for (std::int32_t i = 0; i < c.decoder.count; ++i) {
    const std::string layer = fmt::format("blk.{}.", i);
    SpeechDecoder::Block::Norms norms{from.norm(layer + "attn_norm"),
                                      from.norm(layer + "cross_norm"),
                                      from.norm(layer + "ffn_norm")};
    auto own = from.attend<CausalAttention>(layer + "attn", c.decoder).with_paged_attn({});
    auto cross = from.attend<CrossAttention>(layer + "cross", c.decoder);
    layers.emplace_back(std::move(norms), std::move(own), std::move(cross),
                        from.mlp(layer, c.decoder));
  }
  auto head = from.weights.has("output.weight")
                  ? from.weights.matrix("output.weight", c.vocabulary, c.width)
                  : table;
  LayerNorm norm = from.norm("output_norm");
  return std::make_shared<const SpeechDecoder>(
      TokenEmbedding(std::move(table)).with_positions(std::move(positions)), std::move(layers),
      std::move(norm), VocabularyHead(Linear(std::move(head))));
}

}  // namespace

SpeechModel load_whisper(const ModelSources& from) {
  Loader loader{WeightLoader(from.weights, from.packer, from.progress), read_config(from.metadata)};
  ModelInfo info;
  info.architecture = "whisper";
  info.layers = loader.config.decoder.count;
  info.width = loader.config.width;
  info.vocabulary = loader.config.vocabulary;
  info.context_length = loader.config.decoder.positions;
  info.position_limit = loader.config.decoder.positions;
  info.rotary_axes = 0;
  SpeechModel out{std::move(info), loader.config, load_encoder(loader), load_decoder(loader)};
  loader.weights.expect_all_read("", "whisper");
  return out;
}

}  // namespace sirocco
