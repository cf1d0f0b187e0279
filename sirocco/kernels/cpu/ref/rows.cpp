#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/kernels/cpu/ref/scalar.hpp"

namespace sirocco::ref {
namespace {

/// Numbers `fine` with the blocks of a row that have the largest scales, in order.
void choose_fine(const Q8Block* blocks, std::int64_t count, FineBlock* fine, std::int64_t wanted) {
  for (std::int64_t i = 0; i < wanted; ++i) {
    std::int64_t best = -1;
    for (std::int64_t b = 0; b < count; ++b) {
      bool taken = false;
      for (std::int64_t j = 0; j < i; ++j) taken = taken || fine[j].block == b;
      if (!taken && (best < 0 || blocks[b].scale > blocks[best].scale)) best = b;
    }
    // Chosen by scale, kept by number.
    std::int64_t at = i;
    for (; at > 0 && fine[at - 1].block > best; --at) fine[at].block = fine[at - 1].block;
    fine[at].block = static_cast<std::int32_t>(best);
  }
}

/// Columns [begin, end) of a result row, `begin` a multiple of 32, in the forms that are wanted.
template <class Value>
void write_row(const RowSink& out, std::int64_t row, std::int64_t begin, std::int64_t end,
               Value value) {
  for (std::int64_t k = begin; k < end; k += kPanelBlock) {
    const std::int64_t count = std::min<std::int64_t>(kPanelBlock, end - k);
    std::array<float, kPanelBlock> values{};
    for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = value(k + i);
    if (out.f32 != nullptr) std::copy_n(values.data(), count, out.f32 + row * out.f32_stride + k);
    if (out.q8 != nullptr) {
      auto* blocks =
          reinterpret_cast<Q8Block*>(out.q8 + static_cast<std::size_t>(row) * out.q8_stride);
      quantize_block(values.data(), count, blocks[k / kPanelBlock]);
    }
  }
  if (out.fine == nullptr) return;
  const auto* blocks =
      reinterpret_cast<const Q8Block*>(out.q8 + static_cast<std::size_t>(row) * out.q8_stride);
  auto* fine =
      reinterpret_cast<FineBlock*>(out.fine + static_cast<std::size_t>(row) * out.fine_stride);
  // What was computed in place isn't there any more.
  const float* f32 = out.f32 == nullptr ? nullptr : out.f32 + row * out.f32_stride;
  const auto of = [&](std::int64_t k) { return f32 == nullptr ? value(k) : f32[k]; };
  choose_fine(blocks, q8_blocks(end), fine, out.fine_blocks);
  for (std::int64_t i = 0; i < out.fine_blocks; ++i) {
    const std::int64_t b = fine[i].block;
    const std::int64_t k = b * kPanelBlock;
    const std::int64_t count = std::min<std::int64_t>(kPanelBlock, end - k);
    std::array<float, kPanelBlock> rest{};
    for (std::int64_t j = 0; j < count; ++j) {
      rest[static_cast<std::size_t>(j)] =
          std::fma(-blocks[b].scale, static_cast<float>(blocks[b].quants[j]), of(k + j));
    }
    quantize_block(rest.data(), count, fine[i].rest);
  }
}

}  // namespace

void quantize_block(const float* values, std::int64_t count, Q8Block& block) noexcept {
  float amax = 0.0f;
  bool any_nan = false;
  for (std::int64_t i = 0; i < count; ++i) {
    amax = max(std::fabs(values[i]), amax);
    any_nan = any_nan || std::isnan(values[i]);
  }
  const bool zero = !(amax >= numerics::kMinQ8Magnitude);
  const float inverse = zero ? 0.0f : 127.0f / amax;
  block = {};
  block.scale = any_nan ? numerics::kNaN : zero ? 0.0f : amax / 127.0f;
  for (std::int64_t i = 0; i < count; ++i) {
    const float scaled = min(max(values[i] * inverse, -127.0f), 127.0f);
    block.quants[i] = static_cast<std::int8_t>(round_small(scaled).integer);
    block.half_sums[i / 16] = static_cast<std::int16_t>(block.half_sums[i / 16] + block.quants[i]);
  }
  const std::int32_t sum = block.half_sums[0] + block.half_sums[1];
  block.scaled_sum = block.scale * static_cast<float>(sum);
  block.minus_8_sum = -8 * sum;
}

void rms_norm(const RmsNormTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* x = task.x + row * task.columns;
    Lanes squares{};
    for (std::int64_t k = 0; k < task.columns; ++k) {
      float& lane = squares[static_cast<std::size_t>(k % numerics::kLanes)];
      lane = std::fma(x[k], x[k], lane);
    }
    const float mean = tree(squares) / static_cast<float>(task.columns);
    const float r = 1.0f / std::sqrt(mean + task.epsilon);
    write_row(task.out, row, 0, task.columns,
              [&](std::int64_t k) { return (x[k] * r) * task.weight[k]; });
  }
}

void layer_norm(const LayerNormTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* x = task.x + row * task.columns;
    Lanes sums{};
    for (std::int64_t k = 0; k < task.columns; ++k) {
      float& lane = sums[static_cast<std::size_t>(k % numerics::kLanes)];
      lane = lane + x[k];
    }
    const float mean = tree(sums) / static_cast<float>(task.columns);
    Lanes squares{};
    for (std::int64_t k = 0; k < task.columns; ++k) {
      float& lane = squares[static_cast<std::size_t>(k % numerics::kLanes)];
      const float d = x[k] - mean;
      lane = std::fma(d, d, lane);
    }
    const float variance = tree(squares) / static_cast<float>(task.columns);
    const float r = 1.0f / std::sqrt(variance + task.epsilon);
    write_row(task.out, row, 0, task.columns, [&](std::int64_t k) {
      return std::fma((x[k] - mean) * r, task.weight[k], task.bias[k]);
    });
  }
}

void quantize(const QuantizeTask& task, std::int64_t row, std::int64_t begin,
              std::int64_t end) noexcept {
  const float* x = task.x + row * task.columns;
  write_row(task.out, row, begin, end, [&](std::int64_t k) { return x[k]; });
}

template <float (*kActivation)(float, float)>
void gate(const GateTask& task, std::int64_t row, std::int64_t begin, std::int64_t end) noexcept {
  const float* g = task.gate + row * task.columns;
  const float* up = task.up + row * task.columns;
  write_row(task.out, row, begin, end, [&](std::int64_t k) { return kActivation(g[k], up[k]); });
}

template void gate<silu>(const GateTask&, std::int64_t, std::int64_t, std::int64_t) noexcept;
template void gate<gelu_tanh>(const GateTask&, std::int64_t, std::int64_t, std::int64_t) noexcept;
template void gate<gelu_erf>(const GateTask&, std::int64_t, std::int64_t, std::int64_t) noexcept;
template void gate<clamped_swish>(const GateTask&, std::int64_t, std::int64_t,
                                  std::int64_t) noexcept;
template void gate<relu>(const GateTask&, std::int64_t, std::int64_t, std::int64_t) noexcept;

template <float (*kActivation)(float)>
void activate(const ActivateTask& task, std::int64_t row, std::int64_t begin,
              std::int64_t end) noexcept {
  const float* x = task.x + row * task.columns;
  write_row(task.out, row, begin, end, [&](std::int64_t k) { return kActivation(x[k]); });
}

template void activate<silu>(const ActivateTask&, std::int64_t, std::int64_t,
                             std::int64_t) noexcept;
template void activate<gelu_tanh>(const ActivateTask&, std::int64_t, std::int64_t,
                                  std::int64_t) noexcept;
template void activate<gelu_erf>(const ActivateTask&, std::int64_t, std::int64_t,
                                 std::int64_t) noexcept;
template void activate<quick_gelu>(const ActivateTask&, std::int64_t, std::int64_t,
                                   std::int64_t) noexcept;
template void activate<relu>(const ActivateTask&, std::int64_t, std::int64_t,
                             std::int64_t) noexcept;

void add(float* x, const float* y, float scale, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    const float product = y[i] * scale;
    x[i] = x[i] + product;
  }
}

void add_gated(float* x, const float* y, const float* gate, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    const float product = y[i] * gate[i];
    x[i] = x[i] + product;
  }
}

void soft_cap(float* x, float cap, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) x[i] = cap * tanh(x[i] / cap);
}

void rotary_table(const RotaryTableTask& task, std::int64_t row_begin,
                  std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    float* table = task.table + row * 2 * task.pairs;
    for (std::int64_t i = 0; i < task.pairs; ++i) {
      const std::int32_t axis = task.axes == nullptr ? 0 : task.axes[i];
      const std::int32_t position = task.positions[row * task.numbers + axis];
      const SinCos angle = sin_cos(static_cast<float>(position) * task.frequencies[i]);
      table[i] = angle.cos * task.magnitude;
      table[task.pairs + i] = angle.sin * task.magnitude;
    }
  }
}

void rotate(const RotateTask& task, std::int64_t row_begin, std::int64_t row_end) noexcept {
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const float* cosine = task.table + row * 2 * task.pairs;
    const float* sine = cosine + task.pairs;
    for (std::int64_t head = 0; head < task.heads; ++head) {
      float* x = task.x + (row * task.heads + head) * task.head_dim;
      for (std::int64_t i = 0; i < task.pairs; ++i) {
        const float x0 = x[i];
        const float x1 = x[i + task.pairs];
        x[i] = std::fma(x0, cosine[i], -(x1 * sine[i]));
        x[i + task.pairs] = std::fma(x0, sine[i], x1 * cosine[i]);
      }
    }
  }
}

}  // namespace sirocco::ref
