#include "sirocco/models/layer_loader.hpp"

#include <fmt/format.h>

namespace sirocco {

std::string LayerLoader::name(std::string_view ingredient) const {
  return fmt::format("blk.{}.{}", layer_.value(), ingredient);
}

template <Attention A>
A LayerLoader::step_attention(RotaryRows rows, const typename A::Mask& mask,
                              std::shared_ptr<const Rotary> rotary) {
  const AttentionConfig& shape = config_.attention;
  const std::int64_t d = config_.info.width;
  const std::int64_t queries = std::int64_t{shape.heads} * shape.head_dim;
  const std::int64_t keys = std::int64_t{shape.kv_heads} * shape.head_dim;
  const std::int64_t values = std::int64_t{shape.kv_heads} * shape.value_dim;
  const auto heads = [&](int count) {
    return HeadRows{count, shape.head_dim, config_.rotary_dims, rows};
  };
  weights_.split(name("attn_qkv"),
                 {{name("attn_q"), queries}, {name("attn_k"), keys}, {name("attn_v"), values}});
  A built =
      A(shape, weights_.rotary_linear(name("attn_q"), heads(shape.heads), d),
        weights_.rotary_linear(name("attn_k"), heads(shape.kv_heads), d),
        weights_.linear(name("attn_v"), values, d),
        weights_.linear(name("attn_output"), d, std::int64_t{shape.heads} * shape.value_dim), mask)
          .with_rotary(std::move(rotary));
  if (weights_.has(name("attn_sinks.weight")))
    built = std::move(built).with_sinks(weights_.vector(name("attn_sinks.weight"), shape.heads));
  if (!weights_.has(name("attn_q_norm.weight"))) return built;
  const auto head_norm = [&](std::string_view ingredient) {
    return weights_.norm<RmsNorm>(name(ingredient), shape.head_dim, config_.norm_epsilon);
  };
  RmsNorm query_norm = head_norm("attn_q_norm");
  return std::move(built).with_qk_norm(std::move(query_norm), head_norm("attn_k_norm"));
}

template CausalAttention LayerLoader::step_attention(RotaryRows, const CausalMask&,
                                                     std::shared_ptr<const Rotary>);
template SlidingWindowAttention LayerLoader::step_attention(RotaryRows, const WindowMask&,
                                                            std::shared_ptr<const Rotary>);
template BidirectionalAttention LayerLoader::step_attention(RotaryRows, const BidirectionalMask&,
                                                            std::shared_ptr<const Rotary>);

Mlp LayerLoader::ungated_mlp(PlainActivation activation) {
  const std::int64_t d = config_.info.width;
  const std::int64_t f = config_.feed_forward;
  return {activation, weights_.linear(name("ffn_up"), f, d),
          weights_.linear(name("ffn_down"), d, f)};
}

Mlp LayerLoader::gated_mlp(GateActivation activation) {
  return gated_mlp("", config_.feed_forward, activation);
}

Mlp LayerLoader::gated_mlp(std::string_view suffix, std::int64_t width, GateActivation activation) {
  const std::int64_t d = config_.info.width;
  const auto part = [&](std::string_view stem) { return name(fmt::format("{}{}", stem, suffix)); };
  return {activation, weights_.linear(part("ffn_gate"), width, d),
          weights_.linear(part("ffn_up"), width, d), weights_.linear(part("ffn_down"), d, width)};
}

MoE LayerLoader::moe(GateActivation activation) {
  const ExpertConfig& e = *config_.experts;
  const std::int64_t d = config_.info.width;
  MoE built({.router = e.router, .activation = activation},
            weights_.linear(name("ffn_gate_inp"), e.count, d),
            weights_.experts(name("ffn_gate"), e.count, e.feed_forward, d),
            weights_.experts(name("ffn_up"), e.count, e.feed_forward, d),
            weights_.experts(name("ffn_down"), e.count, d, e.feed_forward));
  const std::string bias = name("exp_probs_b.bias");
  if (weights_.has(bias))
    built = std::move(built).with_selection_bias(weights_.vector(bias, e.count));
  if (e.shared == 0) return built;
  return std::move(built).with_shared(gated_mlp("_shexp", e.shared, activation));
}

std::variant<Mlp, MoE> LayerLoader::feed_forward(GateActivation activation) {
  if (config_.experts && layer_.value() >= config_.experts->dense_layers) return moe(activation);
  return gated_mlp(activation);
}

}  // namespace sirocco
