#include "sirocco/nn/attention.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <numeric>
#include <span>
#include <vector>

#include "sirocco/base/checked.hpp"
#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_size(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected) {
    throw InvalidArgument("attention: {} is {}, but the configuration makes it {}", what, found,
                          expected);
  }
}

constexpr std::int32_t kStepBlock = 64;  // positions; a sequence leaves the rest of its last empty

/// The rows that see each other, with the windows of pictures apart where a mask goes by them.
struct MixedRows {
  BatchTensors batch;
  std::span<const std::int32_t> begin;  ///< the rows before each of them, and all
};
template <class M>
MixedRows mixed_rows(const TransformContext& context) {
  if (std::same_as<M, PatchWindowMask> && !context.host_window_begin().empty())
    return {context.windows(), context.host_window_begin()};
  return {context.batch(), context.host_row_begin()};
}

/// A cache for the rows of one step, in its scratch memory: those that see each other own blocks
/// one after another.
KvCacheView step_cache(const CacheGeometry& geometry, std::span<const std::int32_t> begin,
                       TransformContext& context) {
  for (const SequenceRows& s : context.host_rows().sequences)
    SIROCCO_CHECK(s.first() == Position(0));
  const std::size_t parts = begin.size() - 1;
  const auto step_blocks = [&](std::size_t part) {
    return ceil_div<std::int64_t>(begin[part + 1] - begin[part], kStepBlock);
  };
  std::int64_t widest = 0;
  std::int64_t total = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    widest = std::max(widest, step_blocks(part));
    total += step_blocks(part);
  }
  const CacheLayout layout(LayerIndex(0), {{CacheKind::kFull, geometry}});
  const auto bytes = static_cast<std::int64_t>(layout.block_bytes(0, KvType::kF32, kStepBlock));
  const Tensor pool = context.scratch().tensor(DType::kU8, {total, bytes});
  std::vector<std::int32_t> blocks(parts * static_cast<std::size_t>(widest), -1);
  std::int32_t next = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const auto own = blocks.begin() + static_cast<std::ptrdiff_t>(part) * widest;
    for (std::int64_t b = 0; b < step_blocks(part); ++b) own[b] = next++;
  }
  const Tensor table =
      context.ops().upload(context.scratch(), blocks, {static_cast<std::int64_t>(parts), widest});
  return layout.view({0, 0}, KvType::kF32, kStepBlock,
                     reinterpret_cast<std::byte*>(pool.as<std::uint8_t>()), table);
}

}  // namespace

AttentionConfig completed(AttentionConfig c, const Linear& q, const Linear& k, const Linear& v,
                          const Linear& o) {
  if (c.heads <= 0 || c.kv_heads <= 0 || c.head_dim <= 0 || c.heads % c.kv_heads != 0) {
    throw InvalidArgument(
        "attention: {} query heads over {} key/value heads of {} elements; all must be positive, "
        "and the first a "
        "multiple of the second",
        c.heads, c.kv_heads, c.head_dim);
  }
  if (c.value_dim == 0) c.value_dim = c.head_dim;
  if (c.scale == 0.0f) c.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  if (!(c.scale > 0.0f))
    throw InvalidArgument("attention: the scale of scores is {}, but must be positive", c.scale);
  require_size("the width of queries", q.outputs(), std::int64_t{c.heads} * c.head_dim);
  require_size("the width of keys", k.outputs(), std::int64_t{c.kv_heads} * c.head_dim);
  require_size("the width of values", v.outputs(), std::int64_t{c.kv_heads} * c.value_dim);
  require_size("the output projection's input", o.inputs(), std::int64_t{c.heads} * c.value_dim);
  require_size("the value projection's input", v.inputs(), k.inputs());
  return c;
}

template <class M>
MaskedAttention<M>::MaskedAttention(const AttentionConfig& config, Linear q, Linear k, Linear v,
                                    Linear o, Mask mask)
    : config_(completed(config, q, k, v, o)),
      q_(std::move(q).with_fine(FineBlocks::kOne)),
      k_(std::move(k).with_fine(FineBlocks::kOne)),
      v_(std::move(v).with_fine(FineBlocks::kOne)),
      o_(std::move(o)),
      mask_(mask) {
  require_size("the key projection's input", k_.inputs(), q_.inputs());
}

template <class M>
MaskedAttention<M> MaskedAttention<M>::with_qk_norm(RmsNorm q, RmsNorm k) && {
  if (q.width() != config_.head_dim)
    require_size("the query norm's width", q.width(), q_.outputs());
  if (k.width() != config_.head_dim) require_size("the key norm's width", k.width(), k_.outputs());
  q_norm_.emplace(std::move(q));
  k_norm_.emplace(std::move(k));
  return std::move(*this);
}

template <class M>
MaskedAttention<M> MaskedAttention<M>::with_rotary(std::shared_ptr<const Rotary> rotary) && {
  if (rotary != nullptr && rotary->dims() > config_.head_dim) {
    throw InvalidArgument("attention: rotary over {} elements of heads that have {}",
                          rotary->dims(), config_.head_dim);
  }
  rotary_ = std::move(rotary);
  return std::move(*this);
}

template <class M>
MaskedAttention<M> MaskedAttention<M>::with_sinks(WeightVector sinks) && {
  require_size("the number of sinks", sinks.size(), config_.heads);
  sinks_ = std::move(sinks);
  return std::move(*this);
}

template <class M>
MaskedAttention<M> MaskedAttention<M>::with_alibi(float max_bias) && {
  const auto heads = static_cast<unsigned>(config_.heads);
  const unsigned whole = std::bit_floor(heads);
  std::vector<float> slopes;
  for (unsigned h = 0; h < heads; ++h) {
    const unsigned power = h < whole ? 2 * (h + 1) : 2 * (h - whole) + 1;
    slopes.push_back(
        std::exp2(-max_bias * static_cast<float>(power) / static_cast<float>(2 * whole)));
  }
  slopes_ = WeightVector(std::move(slopes));
  return std::move(*this);
}

template <class M>
void MaskedAttention<M>::require_heads(const RelativeBias& bias) const {
  require_size("the number of heads of the relative bias", bias.heads(), config_.heads);
}

template <class M>
CacheNeed MaskedAttention<M>::cache_need() const {
  if (!paged_) return {};
  return mask_.cache_need({config_.kv_heads, config_.head_dim, config_.value_dim});
}

template <class M>
Tensor MaskedAttention<M>::mix(const Activations& x, LayerIndex layer,
                               TransformContext& context) const {
  const KvCacheView cache =
      paged_ ? context.cache(layer)
             : step_cache({config_.kv_heads, config_.head_dim, config_.value_dim},
                          mixed_rows<M>(context).begin, context);
  return forward(x, mask_, cache, context.batch().positions, context);
}

template <class M>
Tensor MaskedAttention<M>::forward(const Activations& x, const Mask& mask, const KvCacheView& cache,
                                   const Tensor& positions, TransformContext& metadata) const {
  const std::int64_t rows = positions.rows();
  Ops& ops = metadata.ops();
  auto [q, k, v] = Linear::project<3>(x, {&q_, &k_, &v_}, metadata);
  if (q_norm_) q_norm_->apply(q, metadata);
  if (k_norm_) k_norm_->apply(k, metadata);
  q = q.reshaped({rows, config_.heads, config_.head_dim});
  k = k.reshaped({rows, config_.kv_heads, config_.head_dim});
  v = v.reshaped({rows, config_.kv_heads, config_.value_dim});
  if (rotary_ != nullptr) {
    const Tensor table = metadata.rotary_table(*rotary_);
    ops.rotate(Out(q), table);
    ops.rotate(Out(k), table);
  }
  const BatchTensors batch = mixed_rows<M>(metadata).batch;
  ops.write_cache(batch, k, v, Out(cache));
  const Tensor mixed =
      metadata.scratch().tensor(DType::kF32, {rows, config_.heads, config_.value_dim});
  ops.attention(batch, {.q = q,
                        .cache = cache,
                        .mask = mask.spec(),
                        .scale = config_.scale,
                        .logit_cap = config_.logit_cap,
                        .sinks = sinks_.tensor(),
                        .slopes = slopes_.tensor(),
                        .out = Out(mixed),
                        .relative_bias = relative_bias_ ? relative_bias_->tensor() : Tensor()});
  return o_.forward({.f32 = mixed.reshaped({rows, o_.inputs()}), .q8 = {}}, metadata);
}

template class MaskedAttention<CausalMask>;
template class MaskedAttention<WindowMask>;
template class MaskedAttention<BidirectionalMask>;
template class MaskedAttention<PatchWindowMask>;
static_assert(Attention<CausalAttention> && Attention<SlidingWindowAttention> &&
              Attention<BidirectionalAttention> && Attention<PatchWindowAttention>);

}  // namespace sirocco
