#include "sirocco/nn/cross_attention.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

CrossAttention::CrossAttention(const AttentionConfig& config, Linear q, Linear k, Linear v,
                               Linear o)
    : config_(completed(config, q, k, v, o)),
      q_(std::move(q).with_fine(FineBlocks::kOne)),
      k_(std::move(k).with_fine(FineBlocks::kOne)),
      v_(std::move(v).with_fine(FineBlocks::kOne)),
      o_(std::move(o)) {}

CacheNeed CrossAttention::cache_need() const {
  return {CacheKind::kCross, {config_.kv_heads, config_.head_dim, config_.value_dim}};
}

void CrossAttention::remember(const Activations& encoded, LayerIndex layer,
                              TransformContext& context) const {
  const auto [k, v] = Linear::project<2>(encoded, {&k_, &v_}, context);
  const std::int64_t rows = k.rows();
  context.ops().write_cache(context.batch(), k.reshaped({rows, config_.kv_heads, config_.head_dim}),
                            v.reshaped({rows, config_.kv_heads, config_.value_dim}),
                            Out(context.cache(layer)));
}

Tensor CrossAttention::mix(const Activations& x, LayerIndex layer,
                           TransformContext& context) const {
  SIROCCO_CHECK(context.key_lengths());
  const Tensor q = q_.forward(x, context);
  const std::int64_t rows = q.rows();
  const Tensor mixed =
      context.scratch().tensor(DType::kF32, {rows, config_.heads, config_.value_dim});
  context.ops().attention(context.batch(),
                          {.q = q.reshaped({rows, config_.heads, config_.head_dim}),
                           .cache = context.cache(layer),
                           .mask = {.causal = false},
                           .scale = config_.scale,
                           .logit_cap = config_.logit_cap,
                           .sinks = {},
                           .slopes = {},
                           .out = Out(mixed),
                           .key_lengths = context.key_lengths()});
  return o_.forward({.f32 = mixed.reshaped({rows, o_.inputs()}), .q8 = {}}, context);
}

static_assert(Mixer<CrossAttention>);

}  // namespace sirocco
