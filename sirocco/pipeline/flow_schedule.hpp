#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// A FlowSchedule says how much of the latents is noise at each step of denoising by flow matching:
/// from 1 to 0, the more steps of much noise, the larger the shift. (Lipman et al. 2023; Esser et
/// al. 2024)
struct FlowSchedule {
  /// How the shift of a picture's size enters.
  enum class Shape { kExponential, kLinear };
  /// A SizeShift makes the shift of a picture's size: on a line through two points, not bounded by
  /// these.
  struct SizeShift {
    double base = 0.5;                ///< of `base_patches`
    double most = 1.15;               ///< of `most_patches`
    std::int64_t base_patches = 256;  ///< of latents, that are read as a row each
    std::int64_t most_patches = 4096;
    Shape shape = Shape::kExponential;
  };

  double shift = 1.0;                     ///< of all sizes
  std::optional<SizeShift> of_size = {};  ///< instead of it
  std::optional<double> last_level = {};  ///< that levels are stretched to end with

  /// How much is noise before each step and behind the last one, where it is 0: steps + 1 numbers.
  /// As diffusers computes them, in F32. Throws InvalidArgument unless there is a step and a patch.
  std::vector<float> levels(std::int64_t steps, std::int64_t patches) const;
};

/// The schedule that a folder's scheduler_config.json describes, below "config.". Throws
/// UnsupportedError for a scheduler other than FlowMatchEulerDiscreteScheduler and for members of
/// its that aren't supported, FormatError for numbers that can't be.
FlowSchedule read_flow_schedule(const Metadata& folder);

/// The first of so many steps that is done to a picture whose noise is `strength`, of 1: all of
/// them. Throws InvalidArgument unless it is from 0 to 1 and leaves a step.
std::int64_t first_step(std::int64_t steps, double strength);

}  // namespace sirocco
