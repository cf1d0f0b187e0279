#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco::ref {
namespace {

using numerics::kFilterSide;
using numerics::kTileInputs;
using numerics::kTileSide;

using Filter = std::array<float, kFilterSide>;
using Inputs = std::array<float, kTileInputs>;
using Outputs = std::array<float, kTileSide>;

Inputs filter_line(const Filter& g) {
  using namespace numerics;
  const float s = std::fma(kA2, g[2], g[0]);
  const float t = std::fma(kB2, g[2], g[0]);
  return {g[0] * kOverZero,
          std::fma(kA, g[1], s) * kOverA,
          std::fma(-kA, g[1], s) * kOverA,
          std::fma(kB, g[1], t) * kOverB,
          std::fma(-kB, g[1], t) * kOverB,
          g[2]};
}

Inputs input_line(const Inputs& d) {
  using namespace numerics;
  const float even = std::fma(-kB2, d[2], d[4]);
  const float odd = std::fma(-kB2, d[1], d[3]);
  const float even_b = std::fma(-kA2, d[2], d[4]);
  const float odd_b = std::fma(-kA2, d[1], d[3]);
  return {std::fma(kProduct2, d[0], std::fma(-kSum2, d[2], d[4])),
          std::fma(kA, odd, even),
          std::fma(-kA, odd, even),
          std::fma(kB, odd_b, even_b),
          std::fma(-kB, odd_b, even_b),
          std::fma(kProduct2, d[1], std::fma(-kSum2, d[3], d[5]))};
}

Outputs output_line(const Inputs& m) {
  using namespace numerics;
  const float s = m[1] + m[2];
  const float d = m[1] - m[2];
  const float t = m[3] + m[4];
  const float e = m[3] - m[4];
  return {(m[0] + s) + t, std::fma(kB, e, kA * d), std::fma(kB2, t, kA2 * s),
          std::fma(kB3, e, std::fma(kA3, d, m[5]))};
}

/// A transform of the columns of a square, then of the rows: of(row, column) gives its numbers.
template <std::size_t kFrom, std::size_t kTo, class Of>
std::array<std::array<float, kTo>, kTo> transformed(
    std::array<float, kTo> (*line)(const std::array<float, kFrom>&), Of of) {
  std::array<std::array<float, kFrom>, kTo> between;
  for (std::size_t column = 0; column < kFrom; ++column) {
    std::array<float, kFrom> numbers;
    for (std::size_t row = 0; row < kFrom; ++row) numbers[row] = of(row, column);
    const std::array<float, kTo> made = line(numbers);
    for (std::size_t row = 0; row < kTo; ++row) between[row][column] = made[row];
  }
  std::array<std::array<float, kTo>, kTo> out;
  for (std::size_t row = 0; row < kTo; ++row) out[row] = line(between[row]);
  return out;
}

}  // namespace

void moments(const MomentsTask& task, std::int64_t segment_begin,
             std::int64_t segment_end) noexcept {
  for (std::int64_t segment = segment_begin; segment < segment_end; ++segment) {
    const std::int64_t begin = segment * numerics::kSegmentPixels;
    const std::int64_t end = std::min(task.rows, begin + numerics::kSegmentPixels);
    float* const out = task.out + segment * 2 * task.columns;
    for (std::int64_t k = 0; k < task.columns; ++k) {
      float sum = 0.0f;
      for (std::int64_t row = begin; row < end; ++row) sum = sum + task.x[row * task.columns + k];
      const float mean = sum / static_cast<float>(end - begin);
      float squares = 0.0f;
      for (std::int64_t row = begin; row < end; ++row) {
        const float d = task.x[row * task.columns + k] - mean;
        squares = std::fma(d, d, squares);
      }
      out[k] = mean;
      out[task.columns + k] = squares;
    }
  }
}

void scale_channels(const ScaleTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    for (std::int64_t k = 0; k < task.columns; ++k) {
      const std::int64_t at = row * task.columns + k;
      const float y = std::fma(task.x[at], task.factors[k], task.factors[task.columns + k]);
      task.out[at] = task.activated ? silu(y) : y;
    }
  }
}

void draw(const DrawTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* const mean = task.moments + row * 2 * task.columns;
    for (std::int64_t k = 0; k < task.columns; ++k) {
      const float logarithm = min(20.0f, max(-30.0f, mean[task.columns + k]));
      const std::int64_t at = row * task.columns + k;
      task.out[at] = std::fma(exp(0.5f * logarithm), task.noise[at], mean[k]);
    }
  }
}

void transform_filter(const FilterTask& task, std::int64_t begin, std::int64_t end) noexcept {
  for (std::int64_t c = begin; c < end; ++c) {
    for (std::int64_t lane = 0; lane < numerics::kLanes; ++lane) {
      const auto u = transformed<kFilterSide, kTileInputs>(
          filter_line, [&](std::size_t row, std::size_t column) {
            const auto pixel = static_cast<std::int64_t>(row * kFilterSide + column);
            return task.panel[(pixel * task.channels + c) * numerics::kLanes + lane];
          });
      float* place = task.out + c * numerics::kLanes + lane;
      for (const Inputs& row : u)
        for (const float value : row) {
          *place = value;
          place += task.stride;
        }
    }
  }
}

void transform_input(const InputTilesTask& task, std::int64_t begin, std::int64_t end) noexcept {
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t* const rows = task.row_offsets + tile / task.columns * kTileSide;
    const std::int64_t* const columns = task.column_offsets + tile % task.columns * kTileSide;
    for (std::int64_t k = 0; k < task.channels; ++k) {
      const auto v = transformed<kTileInputs, kTileInputs>(
          input_line, [&](std::size_t row, std::size_t column) {
            return task.x[rows[row] + columns[column] + k];
          });
      float* place = task.out + tile * task.channels + k;
      for (const Inputs& row : v)
        for (const float value : row) {
          *place = value;
          place += task.stride;
        }
    }
  }
}

void transform_output(const OutputTilesTask& task, std::int64_t begin, std::int64_t end) noexcept {
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t top = tile / task.columns * kTileSide;
    const std::int64_t left = tile % task.columns * kTileSide;
    for (std::int64_t k = 0; k < task.channels; ++k) {
      const float* const from = task.x + tile * task.channels + k;
      const auto y = transformed<kTileInputs, kTileSide>(
          output_line, [&](std::size_t row, std::size_t column) {
            return from[static_cast<std::int64_t>(row * kTileInputs + column) * task.stride];
          });
      for (std::int64_t row = 0; row < std::min<std::int64_t>(kTileSide, task.height - top); ++row)
        for (std::int64_t column = 0; column < std::min<std::int64_t>(kTileSide, task.width - left);
             ++column) {
          const std::int64_t at = ((top + row) * task.width + left + column) * task.channels + k;
          float value = y[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
          if (task.bias != nullptr) value = value + task.bias[k];
          if (task.added != nullptr) value = value + task.added[at];
          task.out[at] = value;
        }
    }
  }
}

}  // namespace sirocco::ref
