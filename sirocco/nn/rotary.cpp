#include "sirocco/nn/rotary.hpp"

#include <cmath>
#include <numbers>

#include "sirocco/base/error.hpp"

namespace sirocco {

std::vector<float> rotary_frequencies(int dims, double theta) {
  SIROCCO_CHECK(dims > 0 && dims % 2 == 0);
  std::vector<float> out(static_cast<std::size_t>(dims / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(i) / dims));
  }
  return out;
}

std::vector<float> scaled(std::vector<float> frequencies, RotaryScaling::Linear scaling) {
  for (float& f : frequencies) f /= scaling.factor;
  return frequencies;
}

std::vector<float> scaled(std::vector<float> frequencies, RotaryScaling::Llama3 scaling) {
  const float longest_kept = scaling.original_context / scaling.high_frequency_factor;
  const float shortest_divided = scaling.original_context / scaling.low_frequency_factor;
  for (float& f : frequencies) {
    const float wavelength = 2.0f * std::numbers::pi_v<float> / f;
    if (wavelength < longest_kept) continue;
    if (wavelength > shortest_divided) {
      f /= scaling.factor;
      continue;
    }
    const float kept = (scaling.original_context / wavelength - scaling.low_frequency_factor) /
                       (scaling.high_frequency_factor - scaling.low_frequency_factor);
    f = (1.0f - kept) * f / scaling.factor + kept * f;
  }
  return frequencies;
}

std::vector<float> divided(std::vector<float> frequencies, const std::vector<float>& factors) {
  SIROCCO_CHECK(factors.size() == frequencies.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
  return frequencies;
}

}  // namespace sirocco
