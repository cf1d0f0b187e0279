#include "sirocco/nn/attention.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <span>
#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_size(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected) {
    throw InvalidArgument("attention: {} is {}, but the configuration makes it {}", what, found,
                          expected);
  }
}

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

/// A cache for the rows of one step, which are whole, in its scratch memory.
KvCacheView step_cache(const CacheGeometry& geometry, std::span<const std::int32_t> begin,
                       TransformContext& context) {
  for (const SequenceRows& s : context.host_rows().sequences)
    SIROCCO_CHECK(s.first() == Position(0) && s.key_length() == 0);
  std::vector<std::int32_t> lengths;
  for (std::size_t i = 1; i < begin.size(); ++i) lengths.push_back(begin[i] - begin[i - 1]);
  return LayerMemory(context.scratch()).cache(geometry, lengths, 0, lengths.size(), context);
}

/// The part of a sequence that a step has, with the keys and values of all that its rows see.
struct MixedPart {
  BatchTensors batch;
  KvCacheView cache;
  Tensor key_lengths;
};
template <class M>
MixedPart mixed_part(const CacheGeometry& geometry, LayerMemory& memory,
                     TransformContext& context) {
  const StepRows& rows = context.host_rows();
  SIROCCO_CHECK(rows.sequences.size() == 1 && context.key_lengths());
  const SequenceRows& s = rows.sequences.front();
  if (!std::same_as<M, PatchWindowMask> || s.windows().empty()) {
    const std::int32_t length = s.key_length();
    return {context.batch(), memory.cache(geometry, std::span(&length, 1), 0, 1, context),
            context.key_lengths()};
  }
  const std::span<const std::int32_t> windows = s.windows();
  std::size_t first = 0;
  for (std::int32_t end = windows[0]; end <= s.first().value(); end += windows[first]) ++first;
  const std::size_t count = context.host_window_begin().size() - 1;
  return {context.windows(), memory.cache(geometry, windows, first, count, context),
          context.ops().upload(context.scratch(), windows.subspan(first, count),
                               {static_cast<std::int64_t>(count)})};
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
  return mask_.cache_need(geometry());
}

template <class M>
Tensor MaskedAttention<M>::mix(const Activations& x, LayerIndex layer,
                               TransformContext& context) const {
  const KvCacheView cache =
      paged_ ? context.cache(layer) : step_cache(geometry(), mixed_rows<M>(context).begin, context);
  return forward(x, mask_, cache, context.batch().positions, context);
}

template <class M>
Tensor MaskedAttention<M>::forward(const Activations& x, const Mask& mask, const KvCacheView& cache,
                                   const Tensor& positions, TransformContext& metadata) const {
  const std::int64_t rows = positions.rows();
  auto [q, k, v] = Linear::project<3>(x, {&q_, &k_, &v_}, metadata);
  q = placed(q, config_.heads, q_norm_, metadata);
  k = placed(k, config_.kv_heads, k_norm_, metadata);
  v = v.reshaped({rows, config_.kv_heads, config_.value_dim});
  const BatchTensors batch = mixed_rows<M>(metadata).batch;
  metadata.ops().write_cache(batch, k, v, Out(cache));
  return attended(q, mask, cache, batch, {}, metadata);
}

template <class M>
Tensor MaskedAttention<M>::placed(const Tensor& x, std::int32_t heads,
                                  const std::optional<RmsNorm>& norm,
                                  TransformContext& context) const {
  if (norm) norm->apply(x, context);
  const Tensor out = x.reshaped({x.rows(), heads, config_.head_dim});
  if (rotary_ != nullptr) context.ops().rotate(Out(out), context.rotary_table(*rotary_));
  return out;
}

template <class M>
Tensor MaskedAttention<M>::attended(const Tensor& q, const Mask& mask, const KvCacheView& cache,
                                    const BatchTensors& batch, const Tensor& key_lengths,
                                    TransformContext& context) const {
  const std::int64_t rows = q.rows();
  const Tensor mixed =
      context.scratch().tensor(DType::kF32, {rows, config_.heads, config_.value_dim});
  context.ops().attention(batch, {.q = q,
                                  .cache = cache,
                                  .mask = mask.spec(),
                                  .scale = config_.scale,
                                  .logit_cap = config_.logit_cap,
                                  .sinks = sinks_.tensor(),
                                  .slopes = slopes_.tensor(),
                                  .out = Out(mixed),
                                  .key_lengths = key_lengths,
                                  .relative_bias =
                                      relative_bias_ ? relative_bias_->tensor() : Tensor()});
  return o_.forward({.f32 = mixed.reshaped({rows, o_.inputs()}), .q8 = {}}, context);
}

template <class M>
void MaskedAttention<M>::remember(const Activations& x, LayerMemory& memory,
                                  TransformContext& context) const
  requires(!M::kCausal)
{
  const auto [k, v] = Linear::project<2>(x, {&k_, &v_}, context);
  const Tensor keys = placed(k, config_.kv_heads, k_norm_, context);
  const MixedPart part = mixed_part<M>(geometry(), memory, context);
  context.ops().write_cache(part.batch, keys,
                            v.reshaped({v.rows(), config_.kv_heads, config_.value_dim}),
                            Out(part.cache));
}

template <class M>
Tensor MaskedAttention<M>::attend(const Activations& x, LayerMemory& memory,
                                  TransformContext& context) const
  requires(!M::kCausal)
{
  const Tensor q = placed(q_.forward(x, context), config_.heads, q_norm_, context);
  const MixedPart part = mixed_part<M>(geometry(), memory, context);
  return attended(q, mask_, part.cache, part.batch, part.key_lengths, context);
}

template class MaskedAttention<CausalMask>;
template class MaskedAttention<WindowMask>;
template class MaskedAttention<BidirectionalMask>;
template class MaskedAttention<PatchWindowMask>;
static_assert(Attention<CausalAttention> && Attention<SlidingWindowAttention> &&
              Attention<BidirectionalAttention> && Attention<PatchWindowAttention>);
static_assert(MixesInParts<BidirectionalAttention> && MixesInParts<PatchWindowAttention>);
static_assert(!MixesInParts<CausalAttention> && !MixesInParts<SlidingWindowAttention>);

}  // namespace sirocco
