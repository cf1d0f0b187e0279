#include "sirocco/nn/latent_attention.hpp"

#include <cmath>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

void require_size(const char* what, std::int64_t found, std::int64_t expected) {
  if (found != expected) {
    throw InvalidArgument("latent attention: {} is {}, but the configuration makes it {}", what,
                          found, expected);
  }
}

}  // namespace

LatentAttention::LatentAttention(const LatentConfig& config, Linear q, Linear latent,
                                 RmsNorm latent_norm, StackLinear keys, StackLinear values,
                                 Linear o)
    : config_(config),
      q_(std::move(q).with_fine(FineBlocks::kOne)),
      latent_(std::move(latent).with_fine(FineBlocks::kOne)),
      latent_norm_(std::move(latent_norm)),
      keys_(std::move(keys)),
      values_(std::move(values)),
      o_(std::move(o)) {
  LatentConfig& c = config_;
  if (c.heads <= 0 || c.rotary_dim <= 0 || c.plain_dim <= 0 || c.latent_dim <= 0 ||
      c.value_dim <= 0) {
    throw InvalidArgument(
        "latent attention: {} heads of {} + {} elements over latents of {} and values of {}; all "
        "must be positive",
        c.heads, c.rotary_dim, c.plain_dim, c.latent_dim, c.value_dim);
  }
  if (c.scale == 0.0f) c.scale = 1.0f / std::sqrt(static_cast<float>(c.rotary_dim + c.plain_dim));
  if (!(c.scale > 0.0f))
    throw InvalidArgument("latent attention: the scale of scores is {}, but must be positive",
                          c.scale);
  require_size("the width of queries", q_.outputs(),
               std::int64_t{c.heads} * (c.rotary_dim + c.plain_dim));
  require_size("the width of latents", latent_.outputs(), c.rotary_dim + c.latent_dim);
  require_size("the latent norm's width", latent_norm_.width(), c.latent_dim);
  require_size("the number of key matrices", keys_.matrices(), c.heads);
  require_size("the key matrices' input", keys_.inputs(), c.plain_dim);
  require_size("the key matrices' output", keys_.outputs(), c.latent_dim);
  require_size("the number of value matrices", values_.matrices(), c.heads);
  require_size("the value matrices' input", values_.inputs(), c.latent_dim);
  require_size("the value matrices' output", values_.outputs(), c.value_dim);
  require_size("the output projection's input", o_.inputs(), std::int64_t{c.heads} * c.value_dim);
}

LatentAttention LatentAttention::with_query_latent(Linear down, RmsNorm norm) && {
  require_size("the query latent's width", down.outputs(), q_.inputs());
  require_size("the query latent norm's width", norm.width(), q_.inputs());
  require_size("the query latent's input", down.inputs(), latent_.inputs());
  query_latent_.emplace(QueryLatent{std::move(down).with_fine(FineBlocks::kOne), std::move(norm)});
  return std::move(*this);
}

LatentAttention LatentAttention::with_rotary(std::shared_ptr<const Rotary> rotary) && {
  if (rotary != nullptr) require_size("the rotary width", rotary->dims(), config_.rotary_dim);
  rotary_ = std::move(rotary);
  return std::move(*this);
}

CacheNeed LatentAttention::cache_need() const {
  return {CacheKind::kLatent,
          {.kv_heads = 1,
           .key_dim = config_.rotary_dim + config_.latent_dim,
           .value_dim = config_.latent_dim,
           .value_first = config_.rotary_dim}};
}

ActivationForms LatentAttention::input_forms() const {
  return forms_for(query_latent_ ? query_latent_->down : q_) | forms_for(latent_);
}

Tensor LatentAttention::mix(const Activations& x, LayerIndex layer,
                            TransformContext& context) const {
  return forward(x, Mask{}, context.cache(layer), context.batch().positions, context);
}

Tensor LatentAttention::forward(const Activations& x, const Mask& mask, const KvCacheView& cache,
                                const Tensor& positions, TransformContext& metadata) const {
  const std::int64_t rows = positions.rows();
  Ops& ops = metadata.ops();
  Arena& scratch = metadata.scratch();
  const LatentConfig& c = config_;
  auto [first, projected] =
      Linear::project<2>(x, {query_latent_ ? &query_latent_->down : &q_, &latent_}, metadata);
  if (query_latent_) {
    query_latent_->norm.apply(first, metadata);
    first = q_.forward({.f32 = first, .q8 = {}}, metadata);
  }
  const Tensor table = rotary_ == nullptr ? Tensor() : metadata.rotary_table(*rotary_);
  const Tensor q = queries(first, table, metadata);
  ops.write_cache(metadata.batch(), keys(projected, table, metadata), {}, Out(cache));

  const Tensor mixed = scratch.tensor(DType::kF32, {rows, c.heads, c.latent_dim});
  ops.attention(metadata.batch(), {.q = q,
                                   .cache = cache,
                                   .mask = mask.spec(),
                                   .scale = c.scale,
                                   .logit_cap = 0.0f,
                                   .sinks = {},
                                   .slopes = {},
                                   .out = Out(mixed)});
  const Tensor values = scratch.tensor(DType::kF32, {rows * c.heads, c.value_dim});
  values_.forward_heads({.f32 = mixed.reshaped({rows * c.heads, c.latent_dim}), .q8 = {}},
                        Out(values), 0, metadata);
  return o_.forward({.f32 = values.reshaped({rows, o_.inputs()}), .q8 = {}}, metadata);
}

/// Heads of rotary_dim + plain_dim to [T, H, rotary_dim + L]: rotated, and the rest through the
/// head's key matrix.
Tensor LatentAttention::queries(const Tensor& projected, const Tensor& table,
                                TransformContext& context) const {
  Ops& ops = context.ops();
  Arena& scratch = context.scratch();
  const LatentConfig& c = config_;
  const std::int64_t tokens = projected.rows();
  const std::int64_t rows = tokens * c.heads;
  if (table)
    ops.rotate(Out(projected.reshaped({tokens, c.heads, c.rotary_dim + c.plain_dim})), table);
  const Tensor heads = projected.reshaped({rows, c.rotary_dim + c.plain_dim});
  const Tensor plain = scratch.tensor(DType::kF32, {rows, c.plain_dim});
  ops.copy_columns(heads, c.rotary_dim, c.plain_dim, Out(plain), 0);
  const Tensor q = scratch.tensor(DType::kF32, {rows, c.rotary_dim + c.latent_dim});
  ops.copy_columns(heads, 0, c.rotary_dim, Out(q), 0);
  keys_.forward_heads({.f32 = plain, .q8 = {}}, Out(q), c.rotary_dim, context);
  return q.reshaped({tokens, c.heads, c.rotary_dim + c.latent_dim});
}

/// [T, rotary_dim + L], rotated and normalized in place: what is cached.
Tensor LatentAttention::keys(const Tensor& projected, const Tensor& table,
                             TransformContext& context) const {
  Ops& ops = context.ops();
  const LatentConfig& c = config_;
  const std::int64_t tokens = projected.rows();
  const Tensor key = projected.reshaped({tokens, 1, c.rotary_dim + c.latent_dim});
  if (table) ops.rotate(Out(key), table);
  const Tensor latent = context.scratch().tensor(DType::kF32, {tokens, c.latent_dim});
  ops.copy_columns(projected, c.rotary_dim, c.latent_dim, Out(latent), 0);
  latent_norm_.apply(latent, context);
  ops.copy_columns(latent, 0, c.latent_dim, Out(projected), c.rotary_dim);
  return key;
}

static_assert(Attention<LatentAttention>);

}  // namespace sirocco
