#include "sirocco/models/decoder.hpp"

#include <vector>

#include "sirocco/base/error.hpp"

namespace sirocco {

TokenEmbedding TokenEmbedding::with_types(std::shared_ptr<const WeightMatrix> types) && {
  types_ = std::move(types);
  return std::move(*this);
}

TokenEmbedding TokenEmbedding::with_positions(std::shared_ptr<const WeightMatrix> positions) && {
  positions_ = std::move(positions);
  return std::move(*this);
}

TokenEmbedding TokenEmbedding::with_norm(LayerNorm norm) && {
  norm_.emplace(std::move(norm));
  return std::move(*this);
}

Hidden TokenEmbedding::embed(const TokenBatch& batch, TransformContext& context) const {
  Ops& ops = context.ops();
  const std::int64_t count = batch.rows();
  const std::int64_t width = table_->columns();
  SIROCCO_CHECK(count == context.rows());
  std::vector<std::int32_t>& ids = context.host_integers();
  for (const TokenId id : batch.tokens()) {
    SIROCCO_CHECK(id.value() >= 0 && id.value() < table_->rows());
    ids.push_back(id.value());
  }
  const Tensor tokens = ops.upload(context.held(), ids, {std::ssize(ids)});
  const Tensor x = context.held().tensor(DType::kF32, {count, width});
  std::int64_t row = 0;
  std::int64_t token = 0;
  const auto embed_tokens = [&](std::int64_t end) {
    const std::int64_t here = end - row;
    if (here == 0) return;
    ops.embed(*table_, tokens.slice_rows(token, here), scale_, Out(x.slice_rows(row, here)));
    token += here;
    row = end;
  };
  for (const GivenRows& given : batch.given()) {
    embed_tokens(given.first);
    const Tensor& values = given.values;
    if (values.columns() % width != 0) {
      throw InvalidArgument("given rows are {} wide, but the model's embeddings {}",
                            values.columns(), width);
    }
    ops.copy_columns(values, 0, width, Out(x.slice_rows(row, values.rows())), 0);
    for (std::int32_t i = 0; i < values.columns() / width - 1; ++i)
      context.add_later(LayerIndex(i), row, values, (i + 1) * width);
    row += values.rows();
  }
  embed_tokens(count);
  const auto add_rows = [&](const WeightMatrix& table, const Tensor& indices) {
    const Arena::Scope scope(context.scratch());
    const Tensor y = context.scratch().tensor(DType::kF32, {count, table.columns()});
    ops.embed(table, indices, 1.0f, Out(y));
    ops.add(Out(x), y);
  };
  if (types_ != nullptr) {
    std::vector<std::int32_t>& first = context.host_integers();
    first.resize(static_cast<std::size_t>(count), 0);
    add_rows(*types_, ops.upload(context.held(), first, {count}));
  }
  if (positions_ != nullptr) {
    for (const SequenceRows& s : context.host_rows().sequences)
      SIROCCO_CHECK(s.first().value() + s.rows() <= positions_->rows());
    add_rows(*positions_, context.batch().positions);
  }
  if (norm_) norm_->apply(x, context);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

Tensor output_rows(const Tensor& x, TransformContext& context) {
  const Tensor out = context.held().tensor(DType::kF32, {context.outputs().rows(), x.columns()});
  context.ops().gather_rows(x, context.outputs(), Out(out));
  return out;
}

Logits VocabularyHead::lm_head(const Hidden& hidden, TransformContext& context) const {
  return Logits(context, scores(hidden, context));
}

Tensor VocabularyHead::scores(const Hidden& hidden, TransformContext& context) const {
  const Tensor out =
      context.held().tensor(DType::kF32, {hidden.values().rows(), projection_.outputs()});
  const Arena::Scope scope(context.scratch());
  projection_.forward(hidden.activations(), Out(out), context);
  if (logit_cap_ != 0.0f) context.ops().soft_cap(Out(out), logit_cap_);
  return out;
}

}  // namespace sirocco
