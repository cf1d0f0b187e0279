#include "sirocco/nn/rotary.hpp"

#include <cmath>

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

std::vector<float> divided(std::vector<float> frequencies, float factor) {
  for (float& f : frequencies) f /= factor;
  return frequencies;
}

std::vector<float> divided(std::vector<float> frequencies, const std::vector<float>& factors) {
  SIROCCO_CHECK(factors.size() == frequencies.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
  return frequencies;
}

}  // namespace sirocco
