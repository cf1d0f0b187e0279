#include "sirocco/pipeline/encoder_pass.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <span>
#include <utility>

#include "sirocco/pipeline/row_budget.hpp"

namespace sirocco {

EncoderPass::EncoderPass(std::shared_ptr<const EncoderInput> input, ByteLedger* ledger)
    : encoder_(input->encoder()),
      input_(std::move(input)),
      key_(input_->key()),
      arena_(ledger),
      left_(input_->cost()) {}

std::int64_t EncoderPass::stage_rows() const {
  const EncoderPiece& piece = input_->pieces()[piece_];
  return stage_ == Stage::kProject ? piece.rows : piece.sequence.rows();
}

EncoderCost EncoderPass::row_cost() const {
  const EncoderCosts& costs = input_->pieces()[piece_].costs;
  switch (stage_) {
    case Stage::kEmbed:
      return costs.embed;
    case Stage::kRemember:
      return costs.remember;
    case Stage::kForward:
      return costs.forward[static_cast<std::size_t>(layer_.value())];
    case Stage::kProject:
      return costs.project;
  }
  return 0;
}

void EncoderPass::end(std::optional<EncoderFault> fault) {
  ended_ = true;
  left_ = 0;
  fault_ = std::move(fault);
  stream_.reset();
  arena_ = Arena();
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
  bool any = false;
  while (!ended_) {
    const EncoderCost each = row_cost();
    const std::int64_t left = stage_rows() - row_;
    const std::int64_t count = rows_within(budget, each, left, !any);
    if (count == 0) return;
    const EncoderCost cost = static_cast<double>(count) * each;
    run_rows({row_, row_ + count}, backend, memory);
    if (ended_) return;
    any = true;
    budget -= cost;
    left_ = std::max(0.0, left_ - cost);
    row_ += count;
    if (count < left) return;
    next_stage();
  }
}

void EncoderPass::run_rows(RowRange rows, Backend& backend, StepMemory& memory) {
  const EncoderPiece& piece = input_->pieces()[piece_];
  if (!stream_) stream_.emplace(encoder_.stream(piece.sequence.rows(), arena_));
  StepRows step;
  // What is made of a row of the stream stands elsewhere.
  step.sequences.push_back(stage_ == Stage::kProject ? piece.sequence : piece.sequence.part(rows));
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  switch (stage_) {
    case Stage::kEmbed:
      return encoder_.embed(piece.values, *stream_, context);
    case Stage::kRemember:
      return encoder_.remember(*stream_, layer_, context);
    case Stage::kForward:
      return encoder_.forward(*stream_, layer_, context);
    case Stage::kProject:
      break;
  }
  const Hidden made = encoder_.project(*stream_, rows, context);
  const std::span<const float> values = context.ops().read(made.values());
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    return end(EncoderFault{ErrorKind::kNotANumber,
                            "the encoder made numbers of its input that aren't finite"});
  rows_.insert(rows_.end(), values.begin(), values.end());
}

void EncoderPass::next_stage() {
  const bool more_layers = layer_.value() + 1 < encoder_.info().layers;
  row_ = 0;
  switch (stage_) {
    case Stage::kEmbed:
      stage_ = encoder_.info().layers > 0 ? Stage::kRemember : Stage::kProject;
      return;
    case Stage::kRemember:
      stage_ = Stage::kForward;
      return;
    case Stage::kForward:
      if (more_layers) layer_ = LayerIndex(layer_.value() + 1);
      stage_ = more_layers ? Stage::kRemember : Stage::kProject;
      return;
    case Stage::kProject:
      break;
  }
  stage_ = Stage::kEmbed;
  layer_ = LayerIndex(0);
  stream_.reset();
  arena_.reset();
  if (++piece_ < input_->pieces().size()) return;
  if (const WeightVector& newline = encoder_.info().newline) {
    const auto* values = newline.tensor().as<float>();
    rows_.insert(rows_.end(), values, values + newline.size());
  }
  end(std::nullopt);
}

}  // namespace sirocco
