#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/layer_costs.hpp"

namespace sirocco {

/// What a stage may run on.
struct StageDevice {
  double bytes_per_second = 1;        ///< of weights that it goes through; what counts is the ratio
  std::uint64_t memory = UINT64_MAX;  ///< bytes, for weights and cache
};

/// What a stage of a cut model would be.
struct PlannedStage {
  std::int32_t first = 0;  ///< layers [first, end)
  std::int32_t end = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t cache_bytes = 0;
  double seconds = 0;  ///< that one token takes at the device's speed
};

/// Cuts a model into a stage for each device, so that the slowest stage is as fast as can be, both
/// for tokens of prompts and for those of answers, which go through the head besides and gain more
/// by stages: what counts is the worse of a stage's parts of the two. Each fits into its device's
/// memory, with `cache_bytes` of cache, a number a layer; none: nothing. Throws InvalidArgument for
/// more devices than layers or none, ResourceExhausted, with the figures, where no cut fits.
std::vector<PlannedStage> plan_stages(const LayerCosts& costs, std::span<const StageDevice> devices,
                                      std::span<const std::uint64_t> cache_bytes);

/// The stages that begin behind the given cuts. Throws InvalidArgument unless the cuts ascend and
/// leave every stage a layer, and there is a device for each.
std::vector<PlannedStage> stages_of_cuts(const LayerCosts& costs,
                                         std::span<const StageDevice> devices,
                                         std::span<const LayerIndex> cuts,
                                         std::span<const std::uint64_t> cache_bytes);

/// What counts of a stage for `plan_stages`, where the whole model is 1 at a speed of 1.
double stage_weight(const LayerCosts& costs, std::int32_t first, std::int32_t end,
                    const StageDevice& device);

/// The cuts of planned stages: the first layers of all but the first.
std::vector<LayerIndex> cuts_of(std::span<const PlannedStage> stages);

}  // namespace sirocco
