#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "sirocco/kernels/cpu/ref/kernels.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco::ref {
namespace {

constexpr std::int64_t kRows = kPanelRows;

std::uint8_t byte_at(const std::byte* from, std::int64_t at) {
  return std::to_integer<std::uint8_t>(from[at]);
}

float f16_at(const std::byte* from, std::int64_t index) {
  std::uint16_t bits;
  std::memcpy(&bits, from + 2 * index, sizeof bits);
  return f16_to_f32(bits);
}

/// Quant k of row r of a block: the layouts of panel.hpp, read one element at a time.
int quant_at(int bits, const std::byte* quants, std::int64_t row, std::int64_t k) {
  const std::int64_t group = k / 4;
  const std::int64_t i = 4 * row + k % 4;
  if (bits == 8) return byte_at(quants, 64 * group + i);
  if (bits <= 3) {
    const int low = byte_at(quants, 64 * (group / 4) + i) >> 2 * (group % 4) & 3;
    return bits == 2 ? low : low | (byte_at(quants, 128 + i) >> group & 1) << 2;
  }
  const int low = byte_at(quants, 64 * (group / 2) + i) >> (group % 2 == 0 ? 0 : 4) & 15;
  if (bits == 5) return low | (byte_at(quants, 256 + i) >> group & 1) << 4;
  if (bits == 6) {
    const int high = byte_at(quants, 256 + 64 * (group / 4) + i) >> 2 * (group % 4) & 3;
    return low | high << 4;
  }
  return low;
}

/// A block of one row of a panel: its weights without their scales, and where those are.
template <PanelFormat kFormat>
struct WeightBlock {
  WeightBlock(const std::byte* panel, std::int64_t block, std::int64_t row_in_panel)
      : super(panel + block / kTraits.blocks_per_super * kTraits.super_bytes()),
        header(super + kTraits.super_header_bytes +
               block % kTraits.blocks_per_super * kTraits.block_bytes()),
        row(row_in_panel) {
    const std::byte* quants = header + kTraits.block_header_bytes;
    for (std::int64_t k = 0; k < kPanelBlock; ++k) {
      const int q = quant_at(kTraits.bits, quants, row, k);
      weights[static_cast<std::size_t>(k)] =
          static_cast<std::int16_t>(kTraits.table != nullptr ? kTraits.table[q] : q - kTraits.bias);
    }
  }

  static constexpr PanelTraits kTraits = panel_traits(kFormat);
  const std::byte* super;
  const std::byte* header;
  std::int64_t row;
  std::array<std::int16_t, kPanelBlock> weights;
};

/// What one block adds to the accumulator of one row.
template <PanelFormat kFormat>
float add_block(float acc, const WeightBlock<kFormat>& block, const Q8Block& x) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  const std::byte* super = block.super;
  const std::byte* header = block.header;
  const std::int64_t row = block.row;
  std::array<std::int32_t, 2> dots{};
  std::array<std::int32_t, 2> sums{};
  for (std::int64_t k = 0; k < kPanelBlock; ++k) {
    const auto half = static_cast<std::size_t>(k / 16);
    dots[half] += block.weights[static_cast<std::size_t>(k)] * x.quants[k];
    sums[half] += x.quants[k];
  }
  const float dot = static_cast<float>(dots[0] + dots[1]);
  const float scaled_sum = x.scale * static_cast<float>(sums[0] + sums[1]);
  const auto signed_at = [&](std::int64_t at) {
    return std::int32_t{static_cast<std::int8_t>(byte_at(header, at))};
  };
  if constexpr (kTraits.scaling == PanelScaling::kSuper) {
    const float d = f16_at(super, row) * static_cast<float>(signed_at(row));
    return std::fma(dot, d * x.scale, acc);
  } else if constexpr (kTraits.scaling == PanelScaling::kSuperMin) {
    const float d = f16_at(super, row) * static_cast<float>(byte_at(header, row));
    const float m = f16_at(super + 32, row) * static_cast<float>(byte_at(header, 16 + row));
    return std::fma(-m, scaled_sum, std::fma(dot, d * x.scale, acc));
  } else if constexpr (kTraits.scaling == PanelScaling::kSuperHalves) {
    const std::int32_t isum = signed_at(row) * dots[0] + signed_at(16 + row) * dots[1];
    return std::fma(static_cast<float>(isum), f16_at(super, row) * x.scale, acc);
  } else if constexpr (kTraits.scaling == PanelScaling::kSuperHalvesMin) {
    const std::int32_t st0 = byte_at(header, row);
    const std::int32_t st1 = byte_at(header, 16 + row);
    const std::int32_t isum = (st0 & 15) * dots[0] + (st1 & 15) * dots[1];
    const std::int32_t msum = (st0 >> 4) * sums[0] + (st1 >> 4) * sums[1];
    acc = std::fma(static_cast<float>(isum), f16_at(super, row) * x.scale, acc);
    return std::fma(static_cast<float>(msum), -f16_at(super + 32, row) * x.scale, acc);
  } else {
    const float d = kTraits.scaling == PanelScaling::kPowerOfTwo
                        ? half_power_of_two(byte_at(header, row))
                        : f16_at(header, row);
    acc = std::fma(dot, d * x.scale, acc);
    if constexpr (kTraits.has_minimum()) acc = std::fma(f16_at(header + 32, row), scaled_sum, acc);
    return acc;
  }
}

template <PanelFormat kFormat>
float float_weight(const std::byte* panel, std::int64_t row, std::int64_t k) {
  const std::int64_t index = k * kRows + row;
  if constexpr (kFormat == PanelFormat::kF32) {
    float value;
    std::memcpy(&value, panel + 4 * index, sizeof value);
    return value;
  } else {
    std::uint16_t bits;
    std::memcpy(&bits, panel + 2 * index, sizeof bits);
    return kFormat == PanelFormat::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
  }
}

const std::byte* input_row(const LinearTask& task, std::int64_t token) {
  return task.input + static_cast<std::size_t>(token) * task.input_stride;
}

/// The tokens of a call share the work of reading a weight, so many at a time.
constexpr std::int64_t kTokens = 16;

/// Products of one row of a panel with up to kTokens tokens.
struct Products {
  const LinearTask& task;
  std::int64_t first_token;
  std::int64_t count;
  const std::byte* panel;
  std::int64_t row;
  std::array<float, kTokens> sums{};

  const std::byte* input(std::int64_t t) const { return input_row(task, first_token + t); }
  float& sum(std::int64_t t) { return sums[static_cast<std::size_t>(t)]; }
};

template <PanelFormat kFormat>
void multiply(Products& p) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  const LinearTask& task = p.task;
  if constexpr (kTraits.is_float()) {
    for (std::int64_t k = 0; k < task.columns; ++k) {
      const float weight = float_weight<kFormat>(p.panel, p.row, k);
      for (std::int64_t t = 0; t < p.count; ++t)
        p.sum(t) = std::fma(weight, reinterpret_cast<const float*>(p.input(t))[k], p.sum(t));
    }
  } else {
    for (std::int64_t b = 0; b < q8_blocks(task.columns); ++b) {
      const WeightBlock<kFormat> block(p.panel, b, p.row);
      for (std::int64_t t = 0; t < p.count; ++t)
        p.sum(t) = add_block(p.sum(t), block, reinterpret_cast<const Q8Block*>(p.input(t))[b]);
    }
    if (task.fine_blocks == 0) return;
    for (std::int64_t t = 0; t < p.count; ++t) {
      const auto* fine = reinterpret_cast<const FineBlock*>(
          task.fine + static_cast<std::size_t>(p.first_token + t) * task.fine_stride);
      float rest = 0.0f;
      for (std::int64_t i = 0; i < task.fine_blocks; ++i)
        rest = add_block(rest, WeightBlock<kFormat>(p.panel, fine[i].block, p.row), fine[i].rest);
      p.sum(t) = p.sum(t) + rest;
    }
  }
}

float without_denormals(float x) {
  return std::abs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x;
}

/// kBF16 where the CPU multiplies bf16 in pairs: VDPBF16PS of the Intel SDM vol. 2.
void multiply_pairs(Products& p) {
  const std::int64_t columns = p.task.columns;
  for (std::int64_t t = 0; t < p.count; ++t) {
    const auto* x = reinterpret_cast<const float*>(p.input(t));
    float& acc = p.sum(t);
    const auto add = [&](float weight, float activation) {
      const float rounded = bf16_to_f32(f32_to_bf16(without_denormals(activation)));
      acc = without_denormals(std::fma(without_denormals(weight), without_denormals(rounded), acc));
    };
    for (std::int64_t k = 0; k < columns; k += 2) {
      const bool both = k + 1 < columns;
      add(both ? float_weight<PanelFormat::kBF16>(p.panel, p.row, k + 1) : 0.0f,
          both ? x[k + 1] : 0.0f);
      add(float_weight<PanelFormat::kBF16>(p.panel, p.row, k), x[k]);
    }
  }
}

/// out = products + bias for the tokens and panels of a kernel's call.
template <class Multiply>
void each_output(const LinearTask& task, std::int64_t panel_begin, std::int64_t panel_end,
                 std::int64_t token_begin, std::int64_t token_end, const Multiply& multiply_row) {
  for (std::int64_t n = panel_begin * kRows; n < std::min(panel_end * kRows, task.rows); ++n) {
    const std::byte* panel = task.panels + static_cast<std::size_t>(n / kRows) * task.panel_stride;
    for (std::int64_t first = token_begin; first < token_end; first += kTokens) {
      Products p{task, first, std::min(kTokens, token_end - first), panel, n % kRows};
      multiply_row(p);
      for (std::int64_t t = 0; t < p.count; ++t) {
        float& out = task.out[(first + t) * task.out_stride + n];
        out = p.sum(t);
        if (task.bias != nullptr) out = out + task.bias[n];
      }
    }
  }
}

template <PanelFormat kFormat>
void linear(const LinearTask& task, std::int64_t panel_begin, std::int64_t panel_end,
            std::int64_t token_begin, std::int64_t token_end) noexcept {
  each_output(task, panel_begin, panel_end, token_begin, token_end, multiply<kFormat>);
}

constexpr auto kLinear = []<std::size_t... kFormats>(std::index_sequence<kFormats...>) {
  return std::array<LinearKernel, kPanelFormats>{linear<static_cast<PanelFormat>(kFormats)>...};
}(std::make_index_sequence<kPanelFormats>());

}  // namespace

LinearKernel linear_of(PanelFormat format) { return kLinear[static_cast<std::size_t>(format)]; }

void linear_bf16_pairs(const LinearTask& task, std::int64_t panel_begin, std::int64_t panel_end,
                       std::int64_t token_begin, std::int64_t token_end) noexcept {
  each_output(task, panel_begin, panel_end, token_begin, token_end, multiply_pairs);
}

}  // namespace sirocco::ref
