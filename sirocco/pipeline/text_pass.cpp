#include "sirocco/pipeline/text_pass.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

TextPass::TextPass(std::shared_ptr<const TextEncoder> encoder, double layer_products,
                   std::vector<TokenId> tokens, std::vector<std::int32_t> outputs)
    : encoder_(std::move(encoder)),
      layer_products_(layer_products),
      tokens_(std::move(tokens)),
      outputs_(std::move(outputs)) {}

double TextPass::layer_cost() const {
  return layer_products_ * static_cast<double>(tokens_.size());
}

double TextPass::left() const {
  return layer_cost() * static_cast<double>(encoder_->info().layers - layer_);
}

void TextPass::advance(double budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ended());
  const std::int32_t layers = encoder_->info().layers;
  const double within = std::clamp(budget / layer_cost(), 1.0, static_cast<double>(layers));
  const std::int32_t end = std::min(layers, layer_ + static_cast<std::int32_t>(within));
  const auto count = std::ssize(tokens_);
  StepRows step;
  step.sequences.push_back(SequenceRows(SequenceId(0), Position(0), count));
  step.outputs = outputs_;
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  Ops& ops = context.ops();
  Hidden hidden = layer_ == 0 ? encoder_->embed(TokenBatch(tokens_), context)
                              : Hidden(context, {.f32 = ops.upload(context.held(), rows_,
                                                                   {count, encoder_->info().width}),
                                                 .q8 = {}});
  hidden = encoder_->transform(std::move(hidden), LayerIndex(layer_), LayerIndex(end), context);
  layer_ = end;
  const std::span<const float> values = ops.read(hidden.values());
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    throw NotANumber("the encoder of the text made numbers that aren't finite");
  rows_.assign(values.begin(), values.end());
}

}  // namespace sirocco
