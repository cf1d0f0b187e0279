#include "sirocco/nn/joint_attention.hpp"

#include <cmath>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

StreamProjections::StreamProjections(Linear q, Linear k, Linear v, RmsNorm q_norm, RmsNorm k_norm)
    : q_(std::move(q)),
      k_(std::move(k)),
      v_(std::move(v)),
      q_norm_(std::move(q_norm)),
      k_norm_(std::move(k_norm)) {
  if (q_norm_.width() != k_norm_.width() || q_norm_.width() < 1 ||
      q_.outputs() % q_norm_.width() != 0 || k_.outputs() != q_.outputs() ||
      v_.outputs() != q_.outputs() || k_.inputs() != q_.inputs() || v_.inputs() != q_.inputs()) {
    throw InvalidArgument(
        "attention: queries, keys and values of {}, {} and {}, normalized by {} and {}, don't fit "
        "one another",
        q_.outputs(), k_.outputs(), v_.outputs(), q_norm_.width(), k_norm_.width());
  }
}

void StreamProjections::queries(const Activations& x, const Out<Tensor>& q,
                                TransformContext& context) const {
  q_.forward(x, q, context);
  q_norm_.apply(*q, context);
}

void StreamProjections::keys_and_values(const Activations& x, const Out<Tensor>& k,
                                        const Out<Tensor>& v, TransformContext& context) const {
  const Activations read = with_forms(x, key_forms(), context);
  k_.forward(read, k, context);
  v_.forward(read, v, context);
  k_norm_.apply(*k, context);
}

JointAttention::JointAttention(std::int32_t heads, std::int32_t head_dim,
                               std::shared_ptr<const Rotary> rotary)
    : heads_(heads), head_dim_(head_dim), rotary_(std::move(rotary)) {
  if (heads < 1 || head_dim < 1 || rotary_ == nullptr || rotary_->dims() != head_dim) {
    throw InvalidArgument("attention: {} heads of {} elements, of which {} are turned", heads,
                          head_dim, rotary_ == nullptr ? 0 : rotary_->dims());
  }
}

Tensor JointAttention::turned(const Tensor& x, TransformContext& context) const {
  const Tensor heads = x.reshaped({x.rows(), heads_, head_dim_});
  context.ops().rotate(Out(heads), context.rotary_table(*rotary_));
  return heads;
}

KvCacheView JointAttention::cache(LayerMemory& memory, TransformContext& context) const {
  const std::int32_t length = context.host_rows().sequences.front().key_length();
  return memory.cache({heads_, head_dim_, head_dim_}, std::span(&length, 1), 0, 1, context);
}

void JointAttention::remember(const Tensor& keys, const Tensor& values, LayerMemory& memory,
                              TransformContext& context) const {
  context.ops().write_cache(context.batch(), turned(keys, context),
                            values.reshaped({values.rows(), heads_, head_dim_}),
                            Out(cache(memory, context)));
}

Tensor JointAttention::attend(const Tensor& queries, LayerMemory& memory,
                              TransformContext& context) const {
  const Tensor out = context.scratch().tensor(DType::kF32, {queries.rows(), heads_, head_dim_});
  context.ops().attention(context.batch(),
                          {.q = turned(queries, context),
                           .cache = cache(memory, context),
                           .mask = {.causal = false},
                           .scale = 1.0f / std::sqrt(static_cast<float>(head_dim_)),
                           .sinks = {},
                           .slopes = {},
                           .out = Out(out),
                           .key_lengths = context.key_lengths()});
  return out.reshaped({queries.rows(), width()});
}

}  // namespace sirocco
