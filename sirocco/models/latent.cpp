#include "sirocco/models/latent.hpp"

#include <cmath>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

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

}  // namespace

LatentShape read_latent_shape(const ConfigReader& reader, const DecoderConfig& config) {
  const std::int32_t head =
      reader.dimension_or("attention.key_length_mla", config.attention.head_dim);
  LatentShape out{.attention = {.heads = config.attention.heads,
                                .rotary_dim = config.rotary_dims,
                                .plain_dim = head - config.rotary_dims,
                                .latent_dim = reader.dimension("attention.kv_lora_rank"),
                                .value_dim = reader.dimension_or("attention.value_length_mla",
                                                                 config.attention.value_dim),
                                .scale = config.score_factor / std::sqrt(static_cast<float>(head))},
                  .query_latent = {}};
  if (out.attention.plain_dim <= 0) {
    throw FormatError("{}: heads of {} elements, of which {} rotate; expected more",
                      reader.metadata().origin(), head, out.attention.rotary_dim);
  }
  if (reader.has("attention.q_lora_rank"))
    out.query_latent = reader.dimension("attention.q_lora_rank");
  return out;
}

LatentAttention load_latent_attention(LayerLoader& layer, const LatentShape& shape) {
  const LatentConfig& c = shape.attention;
  WeightLoader& loader = layer.weights();
  const std::int64_t d = layer.config().info.width;
  const auto name = [&](std::string_view part) { return layer.name(part); };
  const auto norm = [&](std::string_view part, std::int64_t width) {
    return loader.norm<RmsNorm>(name(part), width, layer.config().norm_epsilon);
  };
  const std::int64_t queries = std::int64_t{c.heads} * (c.rotary_dim + c.plain_dim);
  const auto query_rows = [&] { return source_rows(c.heads, c.rotary_dim, c.plain_dim); };
  const auto latent_rows = [&] { return source_rows(1, c.rotary_dim, c.latent_dim); };
  Linear q = shape.query_latent
                 ? loader.linear(name("attn_q_b"), queries, *shape.query_latent, query_rows)
                 : loader.linear(name("attn_q"), queries, d, query_rows);
  auto [keys, values] =
      loader.has(name("attn_k_b.weight"))
          ? std::pair{loader.stack(name("attn_k_b.weight"), c.heads, c.latent_dim, c.plain_dim),
                      loader.stack(name("attn_v_b.weight"), c.heads, c.value_dim, c.latent_dim)}
          : loader.split_stack(name("attn_kv_b.weight"), c.heads, c.plain_dim, c.value_dim,
                               c.latent_dim);
  LatentAttention built =
      LatentAttention(
          c, std::move(q),
          loader.linear(name("attn_kv_a_mqa"), c.rotary_dim + c.latent_dim, d, latent_rows),
          norm("attn_kv_a_norm", c.latent_dim), std::move(keys), std::move(values),
          loader.linear(name("attn_output"), d, std::int64_t{c.heads} * c.value_dim))
          .with_rotary(layer.rotary());
  if (!shape.query_latent) return built;
  return std::move(built).with_query_latent(loader.linear(name("attn_q_a"), *shape.query_latent, d),
                                            norm("attn_q_a_norm", *shape.query_latent));
}

}  // namespace sirocco
