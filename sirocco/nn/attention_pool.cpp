#include "sirocco/nn/attention_pool.hpp"

#include <array>
#include <numeric>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/nn/layer_memory.hpp"

namespace sirocco {

ProbeAttention::ProbeAttention(const AttentionConfig& config, WeightVector probe, Linear q,
                               Linear k, Linear v, Linear o)
    : config_(completed(config, q, k, v, o)),
      probe_(std::move(probe)),
      q_(std::move(q).with_fine(FineBlocks::kOne)),
      k_(std::move(k).with_fine(FineBlocks::kOne)),
      v_(std::move(v).with_fine(FineBlocks::kOne)),
      o_(std::move(o)) {
  if (probe_.size() != q_.inputs()) {
    throw InvalidArgument("attention: a probe of {} elements, but queries are made of {}",
                          probe_.size(), q_.inputs());
  }
}

std::int64_t ProbeAttention::products(std::int64_t rows) const {
  const std::int64_t mixed = std::int64_t{config_.heads} * (config_.head_dim + config_.value_dim);
  return q_.products() + o_.products() + rows * (k_.products() + v_.products() + mixed);
}

Tensor ProbeAttention::forward(const Tensor& x, TransformContext& context) const {
  Ops& ops = context.ops();
  const auto count = static_cast<std::int32_t>(x.rows());
  const auto upload = [&](std::span<const std::int32_t> values) {
    return ops.upload(context.scratch(), values, {std::ssize(values)});
  };
  std::vector<std::int32_t>& places = context.host_integers();
  places.resize(static_cast<std::size_t>(count));
  std::iota(places.begin(), places.end(), 0);
  const BatchTensors rows = {upload(places), upload(std::array{0, count})};
  const BatchTensors probe = {upload(std::array{0}), upload(std::array{0, 1})};
  const std::array lengths = {count};
  const KvCacheView cache =
      LayerMemory(context.scratch())
          .cache({config_.kv_heads, config_.head_dim, config_.value_dim}, lengths, 0, 1, context);

  const auto [k, v] = Linear::project<2>({.f32 = x, .q8 = {}}, {&k_, &v_}, context);
  ops.write_cache(rows, k.reshaped({count, config_.kv_heads, config_.head_dim}),
                  v.reshaped({count, config_.kv_heads, config_.value_dim}), Out(cache));
  const Tensor q =
      q_.forward({.f32 = probe_.tensor().reshaped({1, probe_.size()}), .q8 = {}}, context);
  const Tensor mixed = context.scratch().tensor(DType::kF32, {1, config_.heads, config_.value_dim});
  ops.attention(probe, {.q = q.reshaped({1, config_.heads, config_.head_dim}),
                        .cache = cache,
                        .mask = {.causal = false},
                        .scale = config_.scale,
                        .logit_cap = config_.logit_cap,
                        .sinks = {},
                        .slopes = {},
                        .out = Out(mixed),
                        .key_lengths = upload(lengths)});
  return o_.forward({.f32 = mixed.reshaped({1, o_.inputs()}), .q8 = {}}, context);
}

AttentionPool::AttentionPool(ProbeAttention attention, LayerNorm norm, Mlp mlp)
    : attention_(std::move(attention)), norm_(std::move(norm)), mlp_(std::move(mlp)) {
  if (norm_.width() != attention_.outputs()) {
    throw InvalidArgument("projector: the norm is {} wide, what is pooled {}", norm_.width(),
                          attention_.outputs());
  }
}

Tensor AttentionPool::forward(const Tensor& x, TransformContext& context) const {
  const Tensor pooled = attention_.forward(x, context);
  context.ops().add(Out(pooled), mlp_.forward(norm_.forward(pooled, context), context));
  return pooled;
}

void AttentionPool::reads(PatchGrid grid, RowRange /*made*/,
                          std::vector<std::int32_t>& patches) const {
  for (std::int32_t patch = 0; patch < grid.patches(); ++patch) patches.push_back(patch);
}

std::int64_t AttentionPool::products(PatchGrid grid) const {
  return attention_.products(grid.patches()) + mlp_.products();
}

}  // namespace sirocco
