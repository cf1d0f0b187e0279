#include "sirocco/models/deepseek2.hpp"

#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/models/decoder_builder.hpp"

namespace sirocco {

template class TransformerBlock<RmsNorm, LatentAttention, Mlp>;
template class TransformerBlock<RmsNorm, LatentAttention, MoE>;

namespace {

constexpr RouterSpec kRouter{};

DecoderConfig read_config(const ConfigReader& reader, const WeightSource& weights) {
  DecoderConfig config = read_decoder_config(reader, weights, &kRouter);
  // A group is as good as its best expert in V2, as its best two in V3, which scores by sigmoids.
  if (config.experts && config.experts->router.scoring == RouterScoring::kSigmoid)
    config.experts->router.group_best = 2;
  return config;
}

/// For each row of a projection into `parts` of R rotated and so many other elements, the stored
/// row: the others come first there, and the rotated ones behind them as
/// neighbouring pairs, in every kind of checkpoint.
std::vector<std::int32_t> source_rows(int parts, int rotated, int others) {
  std::vector<std::int32_t> rows;
  for (int part = 0; part < parts; ++part) {
    const int first = part * (rotated + others);
    for (int i = 0; i < rotated; ++i) {
      const int pair = i % (rotated / 2);
      rows.push_back(first + others + 2 * pair + i / (rotated / 2));
    }
    for (int i = 0; i < others; ++i) rows.push_back(first + i);
  }
  return rows;
}

class DeepSeek2Builder final : public DecoderBuilder {
 public:
  DeepSeek2Builder(const ConfigReader& reader, const WeightSource& weights, Backend& backend,
                   LoadProgress progress)
      : DecoderBuilder(read_config(reader, weights), weights, backend, std::move(progress)) {
    const std::int32_t head = reader.dimension_or("attention.key_length_mla", config().head_dim);
    latent_ = {.heads = config().heads,
               .rotary_dim = config().rotary_dims,
               .plain_dim = head - config().rotary_dims,
               .latent_dim = reader.dimension("attention.kv_lora_rank"),
               .value_dim = reader.dimension_or("attention.value_length_mla", config().value_dim),
               .scale = config().score_factor / std::sqrt(static_cast<float>(head))};
    if (latent_.plain_dim <= 0) {
      throw FormatError("{}: heads of {} elements, of which {} rotate; expected more",
                        reader.metadata().origin(), head, latent_.rotary_dim);
    }
    if (reader.has("attention.q_lora_rank"))
      query_latent_ = reader.dimension("attention.q_lora_rank");
  }

  AnyBlocks blocks(LayerRange range) override {
    const auto rotary = std::make_shared<const Rotary>(read_rotary(config(), loader()));
    LayerSchedule<DeepSeekDenseBlock, DeepSeekBlock> layers(range.begin);
    for (std::int32_t i = range.begin.value(); i < range.end.value(); ++i) {
      const LayerIndex layer(i);
      const auto add = [&](auto ffn) {
        layers.push_back(TransformerBlock<RmsNorm, LatentAttention, decltype(ffn)>(
            {layer_norm(layer, "attn_norm.weight"), layer_norm(layer, "ffn_norm.weight")},
            latent_attention(layer).with_rotary(rotary), std::move(ffn)));
      };
      std::visit(add, feed_forward(layer, GateActivation::kSilu));
    }
    return AnyBlocks(std::make_shared<const DecoderBlocks<DeepSeekDenseBlock, DeepSeekBlock>>(
        std::move(layers), final_norm(range)));
  }

 private:
  LatentAttention latent_attention(LayerIndex layer) {
    const LatentConfig& c = latent_;
    const std::int64_t d = config().info.width;
    const auto name = [&](std::string_view part) { return layer_name(layer, part); };
    const std::int64_t queries = std::int64_t{c.heads} * (c.rotary_dim + c.plain_dim);
    const auto query_rows = [&] { return source_rows(c.heads, c.rotary_dim, c.plain_dim); };
    const auto latent_rows = [&] { return source_rows(1, c.rotary_dim, c.latent_dim); };
    Linear q = query_latent_
                   ? loader().linear(name("attn_q_b"), queries, *query_latent_, query_rows)
                   : loader().linear(name("attn_q"), queries, d, query_rows);
    auto [keys, values] =
        loader().has(name("attn_k_b.weight"))
            ? std::pair{loader().stack(name("attn_k_b.weight"), c.heads, c.latent_dim, c.plain_dim),
                        loader().stack(name("attn_v_b.weight"), c.heads, c.value_dim, c.latent_dim)}
            : loader().split_stack(name("attn_kv_b.weight"), c.heads, c.plain_dim, c.value_dim,
                                   c.latent_dim);
    LatentAttention built(
        c, std::move(q),
        loader().linear(name("attn_kv_a_mqa"), c.rotary_dim + c.latent_dim, d, latent_rows),
        norm(name("attn_kv_a_norm.weight"), c.latent_dim), std::move(keys), std::move(values),
        loader().linear(name("attn_output"), d, std::int64_t{c.heads} * c.value_dim));
    if (!query_latent_) return built;
    return std::move(built).with_query_latent(loader().linear(name("attn_q_a"), *query_latent_, d),
                                              norm(name("attn_q_a_norm.weight"), *query_latent_));
  }

  LatentConfig latent_;
  std::optional<std::int32_t> query_latent_;
};

}  // namespace

std::unique_ptr<ModelBuilder> make_deepseek2_builder(const Metadata& metadata,
                                                     const WeightSource& weights, Backend& backend,
                                                     LoadProgress progress) {
  return std::make_unique<DeepSeek2Builder>(ConfigReader(metadata), weights, backend,
                                            std::move(progress));
}

}  // namespace sirocco
