#pragma once

#include <optional>
#include <vector>

#include "sirocco/nn/weight_vector.hpp"

namespace sirocco {

/// How frequencies are stretched for contexts longer than a model was first trained on.
struct RotaryScaling {
  /// All frequencies divided by `factor`. (Chen et al. 2023)
  struct Linear {
    float factor = 1.0f;
  };
  /// Low frequencies divided by `factor`, high ones kept, those between blended. (Llama 3.1 model
  /// card)
  struct Llama3 {
    float factor = 1.0f;
    float low_frequency_factor = 1.0f;
    float high_frequency_factor = 4.0f;
    float original_context = 8192.0f;
  };
};

/// Rotary position encoding over the first `dims` elements of each head, pairs (i, i + dims/2). (Su
/// et al. 2021) Immutable; copies share the frequencies, and layers that share one share its table
/// of a step.
class Rotary {
 public:
  /// `frequencies` [dims/2], radians a position; `magnitude` multiplies cosines and sines (YaRN's
  /// attention factor).
  explicit Rotary(std::vector<float> frequencies, float magnitude = 1.0f)
      : frequencies_(std::move(frequencies)), magnitude_(magnitude) {}

  int dims() const { return static_cast<int>(frequencies_.size()) * 2; }
  Tensor frequencies() const { return frequencies_.tensor(); }
  float magnitude() const { return magnitude_; }

 private:
  WeightVector frequencies_;
  float magnitude_;
};

/// theta^(-2i / dims) for i = 0 … dims/2 - 1. `dims` is even and positive.
std::vector<float> rotary_frequencies(int dims, double theta);
std::vector<float> scaled(std::vector<float> frequencies, RotaryScaling::Linear scaling);
std::vector<float> scaled(std::vector<float> frequencies, RotaryScaling::Llama3 scaling);
/// Each frequency divided by its own factor, as checkpoints that carry a table of factors want it.
std::vector<float> divided(std::vector<float> frequencies, const std::vector<float>& factors);

}  // namespace sirocco
