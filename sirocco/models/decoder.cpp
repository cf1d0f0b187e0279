#include "sirocco/models/decoder.hpp"

#include <fmt/format.h>

#include <vector>

namespace sirocco {

Hidden TokenEmbedding::embed(const TokenBatch& tokens, TransformContext& context) const {
  const auto count = static_cast<std::int64_t>(tokens.tokens().size());
  SIROCCO_CHECK(count == context.rows());
  std::vector<std::int32_t> ids;
  ids.reserve(tokens.tokens().size());
  for (const TokenId id : tokens.tokens()) {
    SIROCCO_CHECK(id.value() >= 0 && id.value() < table_->rows());
    ids.push_back(id.value());
  }
  const Tensor rows = context.ops().upload(context.held(), ids, {count});
  const Tensor x = context.held().tensor(DType::kF32, {count, table_->columns()});
  context.ops().embed(*table_, rows, scale_, x);
  return Hidden(context, {.f32 = x, .q8 = {}});
}

Tensor normalized_outputs(const Tensor& x, const RmsNorm& norm, TransformContext& context) {
  const Tensor out = context.held().tensor(DType::kF32, {context.outputs().rows(), norm.width()});
  context.ops().gather_rows(x, context.outputs(), out);
  norm.apply(out, context);
  return out;
}

Logits VocabularyHead::lm_head(const Hidden& hidden, TransformContext& context) const {
  const Tensor out =
      context.held().tensor(DType::kF32, {hidden.values().rows(), projection_.outputs()});
  const Arena::Scope scope(context.scratch());
  projection_.forward(hidden.activations(), out, context);
  if (logit_cap_ != 0.0f) context.ops().soft_cap(out, logit_cap_);
  return Logits(context, out);
}

std::string layer_name(LayerIndex layer, std::string_view ingredient) {
  return fmt::format("blk.{}.{}", layer.value(), ingredient);
}

}  // namespace sirocco
