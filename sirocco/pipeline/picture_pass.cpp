#include "sirocco/pipeline/picture_pass.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kColors = 3;

}  // namespace

Hidden PixelsOfLatents::finish(PictureStream stream, TransformContext& context) const {
  return half->project(std::move(stream), context);
}

Shape LatentsOfPixels::input(PictureExtent latents) const {
  const std::int64_t pixels = std::int64_t{half->scale()} * half->scale() * latents.pixels();
  return {pixels, kColors};
}

Hidden LatentsOfPixels::finish(PictureStream stream, TransformContext& context) const {
  const Hidden moments = half->project(std::move(stream), context);
  const Tensor drawn = context.ops().upload(context.held(), noise,
                                            {moments.values().rows(), half->latent_channels()});
  return half->latents(moments.values(), drawn, context);
}

template <class Half>
PicturePass<Half>::PicturePass(Half half, std::vector<float> input, PictureExtent latents)
    : half_(std::move(half)), input_(std::move(input)), latents_(latents) {
  for (std::int32_t i = 0; i < half_.half->layers(); ++i) left_ += layer_cost(i);
}

template <class Half>
double PicturePass<Half>::layer_cost(std::int32_t layer) const {
  return half_.half->products(latents_, LayerIndex(layer));
}

template <class Half>
void PicturePass<Half>::advance(double budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ended_);
  const auto& half = *half_.half;
  std::int32_t end = layer_;
  double cost = 0;
  for (; end < half.layers(); ++end) {
    const double next = layer_cost(end);
    if (end > layer_ && cost + next > budget) break;
    cost += next;
  }
  StepRows step;
  step.sequences.push_back(half.sequence(SequenceId(0), latents_));
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  Ops& ops = context.ops();
  if (!stream_) {
    const Tensor input = ops.upload(context.scratch(), input_, half_.input(latents_));
    stream_.emplace(half.embed(input, context));
    input_ = {};
  }
  *stream_ = half.transform(std::move(*stream_), LayerIndex(layer_), LayerIndex(end), context);
  layer_ = end;
  left_ = std::max(0.0, left_ - cost);
  if (layer_ < half.layers()) return;
  const Hidden made = half_.finish(std::move(*stream_), context);
  const std::span<const float> values = ops.read(made.values());
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    throw NotANumber("an autoencoder of pictures made numbers that aren't finite");
  output_.assign(values.begin(), values.end());
  stream_.reset();
  ended_ = true;
  left_ = 0;
}

template class PicturePass<PixelsOfLatents>;
template class PicturePass<LatentsOfPixels>;

}  // namespace sirocco
