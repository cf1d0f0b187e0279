#include "sirocco/pipeline/encoder_pass.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <span>
#include <utility>

namespace sirocco {

EncoderPass::EncoderPass(std::shared_ptr<const EncoderInput> input)
    : encoder_(input->encoder()), input_(std::move(input)), key_(input_->key()) {
  for (const EncoderPiece& piece : input_->pieces())
    left_ = std::accumulate(piece.costs.begin(), piece.costs.end(), left_);
}

EncoderCost EncoderPass::next_layer() const {
  return ended_ ? 0 : input_->pieces()[piece_].costs[static_cast<std::size_t>(layer_)];
}

void EncoderPass::end(std::optional<EncoderFault> fault) {
  ended_ = true;
  left_ = 0;
  fault_ = std::move(fault);
  residual_ = {};
  input_ = nullptr;
  if (fault_) rows_ = {};
}

void EncoderPass::advance(EncoderCost budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ended_);
  try {
    run(budget, backend, memory);
  } catch (const Error& e) {
    end(EncoderFault{e.kind(), e.what()});
  } catch (const std::bad_alloc&) {
    end(EncoderFault{ErrorKind::kResourceExhausted,
                     "there is no memory to encode a picture or a sound"});
  }
}

void EncoderPass::run(EncoderCost budget, Backend& backend, StepMemory& memory) {
  const EncoderPiece& piece = input_->pieces()[piece_];
  const EncoderInfo& info = encoder_.info();
  const auto cost_of = [&](std::int32_t layer) {
    return piece.costs[static_cast<std::size_t>(layer)];
  };
  std::int32_t end_layer = layer_;
  for (EncoderCost cost = 0; end_layer < info.layers; ++end_layer) {
    cost += cost_of(end_layer);
    if (end_layer > layer_ && cost > budget) break;
  }
  StepRows step;
  step.sequences.push_back(piece.sequence);
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  Ops& ops = context.ops();
  const auto uploaded = [&](std::span<const float> values, std::int64_t count) {
    return ops.upload(context.held(), values, {count, std::ssize(values) / count});
  };
  Hidden hidden = layer_ == 0
                      ? encoder_.embed(uploaded(piece.values, piece.inputs), context)
                      : Hidden(context, {.f32 = uploaded(residual_, residual_rows_), .q8 = {}});
  hidden =
      encoder_.transform(std::move(hidden), LayerIndex(layer_), LayerIndex(end_layer), context);
  for (; layer_ < end_layer; ++layer_) left_ = std::max(0.0, left_ - cost_of(layer_));
  if (layer_ < info.layers) {
    const std::span<const float> values = ops.read(hidden.values());
    residual_.assign(values.begin(), values.end());
    residual_rows_ = hidden.values().rows();
    return;
  }
  hidden = encoder_.project(std::move(hidden), context);
  const std::span<const float> made = ops.read(hidden.values());
  if (!std::ranges::all_of(made, [](float x) { return std::isfinite(x); }))
    return end(EncoderFault{ErrorKind::kNotANumber,
                            "the encoder made numbers of its input that aren't finite"});
  rows_.insert(rows_.end(), made.begin(), made.end());
  layer_ = 0;
  if (++piece_ < input_->pieces().size()) return;
  if (const WeightVector& newline = info.newline) {
    const auto* values = newline.tensor().as<float>();
    rows_.insert(rows_.end(), values, values + newline.size());
  }
  end(std::nullopt);
}

}  // namespace sirocco
