#include <cmath>

#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco::ref {

void softmax(float* x, std::int64_t rows, std::int64_t columns) noexcept {
  for (std::int64_t row = 0; row < rows; ++row, x += columns) {
    float max_value = x[0];
    for (std::int64_t i = 1; i < columns; ++i) max_value = max(x[i], max_value);
    Lanes sums{};
    for (std::int64_t i = 0; i < columns; ++i) {
      x[i] = exp(x[i] - max_value);
      float& lane = sums[static_cast<std::size_t>(i % numerics::kLanes)];
      lane = lane + x[i];
    }
    const float sum = tree(sums);
    for (std::int64_t i = 0; i < columns; ++i) x[i] = x[i] / sum;
  }
}

void sigmoid(float* x, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) x[i] = 1.0f / (1.0f + exp(-x[i]));
}

void combine(const CombineTask& task, std::int64_t token_begin, std::int64_t token_end) noexcept {
  for (std::int64_t t = token_begin; t < token_end; ++t) {
    for (std::int64_t k = 0; k < task.columns; ++k) {
      float acc = 0.0f;
      for (std::int64_t s = t * task.slots; s < (t + 1) * task.slots; ++s)
        acc = std::fma(task.weights[s], task.x[task.places[s] * task.columns + k], acc);
      task.out[t * task.columns + k] = acc;
    }
  }
}

}  // namespace sirocco::ref
