#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/models/model_outline.hpp"
#include "sirocco/pipeline/language_pipeline_options.hpp"
#include "sirocco/pipeline/placed_stage.hpp"
#include "sirocco/pipeline/stage_plan.hpp"

namespace sirocco {

/// The stages of a model, one a device: cut behind the layers `cuts` or, without any, as is best
/// for the devices, with the caches that the options ask for; where they don't say how large these
/// are, with as much of the model's context as lets a cut fit. Throws as plan_stages and
/// stages_of_cuts.
std::vector<PlannedStage> cut_model(const ModelOutline& model,
                                    const LanguagePipelineOptions& options,
                                    std::span<const StageDevice> devices,
                                    std::span<const LayerIndex> cuts,
                                    LmHeadPlace lm_head = LmHeadPlace::kBest);

/// What the stages of this process run on, for `cut_model`. Places that share a budget of memory
/// share the speed of its device by their threads; others are measured.
std::vector<StageDevice> stage_devices(std::span<const StagePlace> places);

/// A Shortage is a budget of memory that stages of a plan ask more of than it has.
struct Shortage {
  std::vector<int> stages;   ///< that share the budget
  std::uint64_t needed = 0;  ///< bytes of their weights and caches
  std::uint64_t free = 0;    ///< bytes
};

/// A ModelPlan is how a model would run.
struct ModelPlan {
  std::vector<PlannedStage> stages;
  std::int32_t context = 0;         ///< positions that a sequence may have
  std::int64_t positions = 0;       ///< of all sequences together, that caches have room for
  std::vector<Shortage> shortages;  ///< where there are any, loading would fail
};

/// What loading the model there would make of it, or would fail for. Its seconds are what weights
/// take to be read, measured. Throws as cut_model and choose_cache.
ModelPlan plan_model(const ModelOutline& model, const LanguagePipelineOptions& options,
                     std::span<const StagePlace> places, std::span<const LayerIndex> cuts,
                     LmHeadPlace lm_head = LmHeadPlace::kBest);

}  // namespace sirocco
