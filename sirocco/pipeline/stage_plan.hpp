#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/models/layer_costs.hpp"
#include "sirocco/models/model.hpp"

namespace sirocco {

/// What a stage may run on.
struct StageDevice {
  double bytes_per_second = 1;        ///< of weights that it goes through; what counts is the ratio
  std::uint64_t memory = UINT64_MAX;  ///< bytes, for weights and cache
  std::string machine = {};           ///< which machine it is of: a name that no other one has
};

/// An LmHeadPlace says which stages compute the vocabulary's head.
enum class LmHeadPlace : std::uint8_t {
  kBest,  ///< both ends where they are on one machine, else the tail
  kEnds,  ///< head and tail, each for its part of the vocabulary
  kTail,  ///< the tail alone
};

/// What a stage of a cut model would be.
struct PlannedStage {
  std::int32_t first = 0;  ///< layers [first, end)
  std::int32_t end = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t cache_bytes = 0;
  double seconds = 0;  ///< that one token takes at the device's speed
  /// Its part of the vocabulary's head, where both ends share that; else the tail has all of it.
  std::optional<VocabularyRange> shard = std::nullopt;
};

/// Cuts a model into a stage for each device, so that the slowest stage is as fast as can be, both
/// for tokens of prompts and for those of answers, which go through the vocabulary's head besides
/// and gain more by stages: what counts is the worse of a stage's parts of the two. Ends that share
/// the head do so in such parts that answers take equally long at both, as far as they can. Each
/// stage fits into its device's memory, with `cache_bytes` of cache, a number a layer; none:
/// nothing. Throws InvalidArgument for more devices than layers or none, ResourceExhausted, with
/// the figures, where no cut fits.
std::vector<PlannedStage> plan_stages(const LayerCosts& costs, std::span<const StageDevice> devices,
                                      std::span<const std::uint64_t> cache_bytes,
                                      LmHeadPlace place = LmHeadPlace::kBest);

/// The stages that begin behind the given cuts; the head is shared as it would be by `plan_stages`.
/// Throws InvalidArgument unless the cuts ascend and leave every stage a layer, and there is a
/// device for each.
std::vector<PlannedStage> stages_of_cuts(const LayerCosts& costs,
                                         std::span<const StageDevice> devices,
                                         std::span<const LayerIndex> cuts,
                                         std::span<const std::uint64_t> cache_bytes,
                                         LmHeadPlace place = LmHeadPlace::kBest);

/// Gives devices of one machine whose measured speeds are within a quarter of each other the mean
/// of them: such differences are chance, and where ends share the vocabulary's head a tenth of
/// speed moves a tenth of a step from one to the other.
void level_speeds(std::span<StageDevice> devices);

/// What counts of a stage for `plan_stages`, where the whole model is 1 at a speed of 1.
double stage_weight(const LayerCosts& costs, const PlannedStage& stage, const StageDevice& device);

/// Bytes of weights that one token goes through in a stage.
std::uint64_t bytes_read(const LayerCosts& costs, const PlannedStage& stage);

/// The cuts of planned stages: the first layers of all but the first.
std::vector<LayerIndex> cuts_of(std::span<const PlannedStage> stages);

}  // namespace sirocco
