#include "sirocco/pipeline/decoding_pass.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {

DecodingPass::DecodingPass(std::shared_ptr<const VaeDecoder> decoder, std::vector<float> latents,
                           PictureExtent extent)
    : decoder_(std::move(decoder)), latents_(std::move(latents)), extent_(extent) {
  for (std::int32_t i = 0; i < decoder_->layers(); ++i)
    left_ += decoder_->products(extent_, LayerIndex(i));
}

void DecodingPass::advance(double budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ended_);
  const std::int32_t layers = decoder_->layers();
  std::int32_t end = layer_;
  double cost = 0;
  for (; end < layers; ++end) {
    const double next = decoder_->products(extent_, LayerIndex(end));
    if (end > layer_ && cost + next > budget) break;
    cost += next;
  }
  StepRows step;
  step.sequences.push_back(VaeDecoder::sequence(SequenceId(0), extent_));
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  Ops& ops = context.ops();
  if (!stream_) {
    const Tensor latents =
        ops.upload(context.scratch(), latents_, {extent_.pixels(), decoder_->latent_channels()});
    stream_.emplace(decoder_->embed(latents, context));
    latents_ = {};
  }
  *stream_ = decoder_->transform(std::move(*stream_), LayerIndex(layer_), LayerIndex(end), context);
  layer_ = end;
  left_ = std::max(0.0, left_ - cost);
  if (layer_ < layers) return;
  const Hidden made = decoder_->project(std::move(*stream_), context);
  const std::span<const float> values = ops.read(made.values());
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    throw NotANumber("the decoder of the picture made numbers that aren't finite");
  pixels_.assign(values.begin(), values.end());
  stream_.reset();
  ended_ = true;
  left_ = 0;
}

}  // namespace sirocco
