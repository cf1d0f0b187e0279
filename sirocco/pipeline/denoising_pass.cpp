#include "sirocco/pipeline/denoising_pass.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/pipeline/row_budget.hpp"

namespace sirocco {

namespace {

void check(const DenoisingTask& task, const DenoiserInfo& info) {
  const auto rows_of = [](const std::vector<float>& values, std::int64_t width) {
    return std::ssize(values) % width == 0 ? std::ssize(values) / width : -1;
  };
  if (rows_of(task.text, info.text_width) < 1 || std::ssize(task.pooled) != info.pooled_width) {
    throw InvalidArgument("denoising: a text of {} elements and {} for all of it; rows have {}, {}",
                          task.text.size(), task.pooled.size(), info.text_width, info.pooled_width);
  }
  if (task.grid.patches() < 1 || rows_of(task.latents, info.inputs) != task.grid.patches()) {
    throw InvalidArgument("denoising: {} elements of latents for {} x {} patches of {}",
                          task.latents.size(), task.grid.columns, task.grid.rows, info.inputs);
  }
  const auto is_level = [](float level) { return level >= 0.0f && level <= 1.0f; };
  if (task.levels.size() < 2 || !std::ranges::all_of(task.levels, is_level))
    throw InvalidArgument("denoising: its levels of noise aren't two or more from 0 to 1");
  const auto is_finite = [](float x) { return std::isfinite(x); };
  if (!std::ranges::all_of(task.latents, is_finite))
    throw InvalidArgument("denoising: the latents aren't all finite");
  const std::size_t count = task.latents.size();
  if (task.kept && (task.kept->latents.size() != count || task.kept->noise.size() != count ||
                    task.kept->mask.size() != count)) {
    throw InvalidArgument("denoising: what is kept isn't as large as the latents, {}", count);
  }
}

/// The rows of a task that is as it should be.
SequenceRows rows_of(const AnyDenoiser& denoiser, const DenoisingTask& task) {
  check(task, denoiser.info());
  return denoiser.sequence(SequenceId(0), std::ssize(task.text) / denoiser.info().text_width,
                           task.grid);
}

}  // namespace

std::vector<float> noised(std::span<const float> latents, std::span<const float> noise,
                          float level) {
  SIROCCO_CHECK(latents.size() == noise.size());
  std::vector<float> out(latents.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = level * noise[i] + (1.0f - level) * latents[i];
  return out;
}

DenoisingPass::DenoisingPass(AnyDenoiser denoiser, DenoisingTask task, ByteLedger* ledger)
    : denoiser_(std::move(denoiser)),
      task_(std::move(task)),
      sequence_(rows_of(denoiser_, task_)),
      costs_(denoiser_.costs(rows() - task_.grid.patches(), task_.grid)),
      arena_(ledger) {
  left_ = static_cast<double>(steps()) * step_cost();
}

std::uint64_t DenoisingPass::bytes(const AnyDenoiser& denoiser, std::int64_t text_rows,
                                   PatchGrid grid) {
  const DenoiserInfo& info = denoiser.info();
  // The stream with keys and values of a layer, the velocities and what they are added to.
  const std::int64_t stream = (text_rows + grid.patches()) * info.width * 3;
  return static_cast<std::uint64_t>(stream + 2 * grid.patches() * info.inputs) * sizeof(float);
}

double DenoisingPass::step_cost() const {
  const auto all = static_cast<double>(rows());
  const auto layers = static_cast<double>(denoiser_.info().layers);
  return all * costs_.embed +
         layers * (costs_.modulate + all * (costs_.remember + costs_.forward)) +
         static_cast<double>(task_.grid.patches()) * costs_.project;
}

std::int64_t DenoisingPass::stage_rows() const {
  switch (stage_) {
    case Stage::kCondition:
    case Stage::kModulate:
      return 1;
    case Stage::kProject:
      return task_.grid.patches();
    default:
      return rows();
  }
}

double DenoisingPass::row_cost() const {
  switch (stage_) {
    case Stage::kCondition:
      return 0;
    case Stage::kEmbed:
      return costs_.embed;
    case Stage::kModulate:
      return costs_.modulate;
    case Stage::kRemember:
      return costs_.remember;
    case Stage::kForward:
      return costs_.forward;
    case Stage::kProject:
      return costs_.project;
  }
  return 0;
}

void DenoisingPass::advance(double budget, Backend& backend, StepMemory& memory) {
  SIROCCO_CHECK(!ended());
  const std::int64_t step = step_;
  for (bool any = false; step_ == step; any = true) {
    const double each = row_cost();
    const std::int64_t left = stage_rows() - row_;
    const std::int64_t count = rows_within(budget, each, left, !any);
    if (count == 0) return;
    const double cost = static_cast<double>(count) * each;
    run_rows({row_, row_ + count}, backend, memory);
    budget -= cost;
    left_ = std::max(0.0, left_ - cost);
    row_ += count;
    if (count < left) return;
    next_stage();
  }
}

void DenoisingPass::run_rows(RowRange rows, Backend& backend, StepMemory& memory) {
  if (!stream_)
    stream_.emplace(denoiser_.stream(this->rows() - task_.grid.patches(), task_.grid, arena_));
  JointStream& stream = *stream_;
  const bool of_rows =
      stage_ == Stage::kEmbed || stage_ == Stage::kRemember || stage_ == Stage::kForward;
  StepRows step;
  step.sequences.push_back(sequence_.part(of_rows ? rows : RowRange{0, 1}));
  const CacheViews none;
  TransformContext context(backend, memory, step, none);
  switch (stage_) {
    case Stage::kCondition:
      return denoiser_.condition({.pooled = task_.pooled,
                                  .time = task_.levels[static_cast<std::size_t>(step_)],
                                  .guidance = task_.guidance},
                                 stream, context);
    case Stage::kEmbed:
      return denoiser_.embed(task_.text, task_.latents, stream, context);
    case Stage::kModulate:
      return denoiser_.modulate(stream, layer_, context);
    case Stage::kRemember:
      return denoiser_.remember(stream, layer_, context);
    case Stage::kForward:
      return denoiser_.forward(stream, layer_, context);
    case Stage::kProject:
      break;
  }
  const Hidden made = denoiser_.project(stream, rows, context);
  const std::span<const float> values = context.ops().read(made.values());
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    throw NotANumber("step {} of denoising made numbers that aren't finite", step_ + 1);
  velocities_.insert(velocities_.end(), values.begin(), values.end());
}

void DenoisingPass::next_stage() {
  const bool more_layers = layer_.value() + 1 < denoiser_.info().layers;
  row_ = 0;
  switch (stage_) {
    case Stage::kCondition:
      stage_ = Stage::kEmbed;
      return;
    case Stage::kEmbed:
      stage_ = Stage::kModulate;
      return;
    case Stage::kModulate:
      stage_ = Stage::kRemember;
      return;
    case Stage::kRemember:
      stage_ = Stage::kForward;
      return;
    case Stage::kForward:
      layer_ = LayerIndex(more_layers ? layer_.value() + 1 : 0);
      velocities_.clear();
      stage_ = more_layers ? Stage::kModulate : Stage::kProject;
      return;
    case Stage::kProject:
      return end_step();
  }
}

void DenoisingPass::end_step() {
  const auto at = static_cast<std::size_t>(step_);
  const float way = task_.levels[at + 1] - task_.levels[at];
  for (std::size_t i = 0; i < velocities_.size(); ++i) task_.latents[i] += way * velocities_[i];
  if (const std::optional<KeptLatents>& kept = task_.kept) {
    const std::vector<float> there = noised(kept->latents, kept->noise, task_.levels[at + 1]);
    for (std::size_t i = 0; i < there.size(); ++i)
      task_.latents[i] = (1.0f - kept->mask[i]) * there[i] + kept->mask[i] * task_.latents[i];
  }
  stage_ = Stage::kCondition;
  if (++step_ < steps()) return;
  left_ = 0;
  stream_.reset();
  arena_ = Arena();
}

std::vector<float> DenoisingPass::expected() const {
  SIROCCO_CHECK(velocities_.size() == task_.latents.size());
  const float level = task_.levels[static_cast<std::size_t>(step_)];
  std::vector<float> out(velocities_.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = task_.latents[i] - level * velocities_[i];
    if (task_.kept)
      out[i] = (1.0f - task_.kept->mask[i]) * task_.kept->latents[i] + task_.kept->mask[i] * out[i];
  }
  return out;
}

}  // namespace sirocco
