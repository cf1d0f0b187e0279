#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// A SectionOrder is how the pairs of a head are dealt out to the axes of positions.
enum class SectionOrder : std::uint8_t {
  kInARow,       ///< the pairs of an axis stand together, as in Qwen2-VL
  kInterleaved,  ///< in turn, and what is left over by the first axis, as in Qwen3-VL
};

/// A Rotary is the rotary position encoding over the first `dims` = 2P elements of each head, pairs
/// (i, i + P). (Su et al. 2021) Immutable; copies share the frequencies, and layers that share one
/// share its table of a step.
class Rotary {
 public:
  /// `frequencies` [P], radians a position; `magnitude` multiplies cosines and sines (YaRN's
  /// attention factor).
  explicit Rotary(std::vector<float> frequencies, float magnitude = 1.0f)
      : frequencies_(std::move(frequencies)), magnitude_(magnitude) {}

  /// Turns pairs by axes of positions: `sections` says by how many pairs each axis is used; those
  /// of none at the end don't count. Throws InvalidArgument unless there are 1 to
  /// RotaryPositions::kMaxAxes, they are all pairs together and, interleaved, each finds its pairs.
  /// (Wang et al. 2024; Bai et al. 2025)
  Rotary with_sections(std::span<const int> sections, SectionOrder order) &&;

  int dims() const { return static_cast<int>(frequencies_.size()) * 2; }
  Tensor frequencies() const { return frequencies_.tensor(); }
  float magnitude() const { return magnitude_; }
  int axes() const { return axes_; }
  /// i32 [P]: the axis of each pair; empty where there is one.
  Tensor pair_axes() const;

 private:
  WeightVector frequencies_;
  float magnitude_;
  int axes_ = 1;
  std::shared_ptr<const std::vector<std::int32_t>> pair_axes_;
};

/// theta^(-2i / dims) for i = 0 … dims/2 - 1. `dims` is even and positive.
std::vector<float> rotary_frequencies(int dims, double theta);
/// Each frequency divided by `factor`: positions interpolated linearly. (Chen et al. 2023)
std::vector<float> divided(std::vector<float> frequencies, float factor);
/// A YarnScaling says how YaRN stretches a rotary encoding. (Peng et al. 2023)
struct YarnScaling {
  float factor = 1.0f;
  float original_context = 0.0f;  ///< positions that the model was trained for before
  float fast = 32.0f;             ///< what turns as often within that context keeps its frequency
  float slow = 1.0f;              ///< what turns as seldom is divided by the factor
  bool truncate = true;           ///< the bounds between are whole pairs
  /// What cosines and sines are multiplied with, where the model doesn't say otherwise.
  float magnitude() const;
};
/// Frequencies of base `theta`, kept for fast pairs and divided for slow ones, by a ramp over those
/// between. `factor` and the others are positive, `theta` above 1.
std::vector<float> yarn_frequencies(int dims, double theta, const YarnScaling& scaling);
/// An NtkScaling says how a base grows with the context, so that the slowest pair turns as far as
/// it did in training and the fastest keeps its frequency ("dynamic NTK", as transformers computes
/// it).
struct NtkScaling {
  float factor = 1.0f;           ///< positive
  float trained_context = 1.0f;  ///< positions; up to so many nothing changes

  /// theta · (factor · context / trained_context - factor + 1)^(dims / (dims - 2)). `dims` is above
  /// 2.
  double base(int dims, double theta, double context) const;
};
/// Each frequency divided by its own factor, as checkpoints that carry a table of factors want it
/// (Llama 3.1's scaling in GGUF). The sizes are equal.
std::vector<float> divided(std::vector<float> frequencies, const std::vector<float>& factors);

}  // namespace sirocco
