#include "sirocco/quant/panel.hpp"

#include <algorithm>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::kWordBytes;
using blocks::load;

static_assert([] {
  for (std::size_t i = 0; i < kPanelTraits.size(); ++i) {
    if (kPanelTraits[i].format != static_cast<PanelFormat>(i)) return false;
  }
  return true;
}());

using Quants = std::array<int, kPanelBlock>;

/// The unsigned quants of one row of a block, in the order of k.
template <int kBits>
Quants unpack_row(const std::byte* quants, std::size_t row) {
  const auto byte = [&](std::size_t word, std::size_t b) {
    return std::to_integer<unsigned>(quants[word * kWordBytes + 4 * row + b]);
  };
  Quants q;
  for (std::size_t g = 0; g < 8; ++g) {
    for (std::size_t b = 0; b < 4; ++b) {
      unsigned value = 0;
      if constexpr (kBits == 8) {
        value = byte(g, b);
      } else {
        value = byte(g / 2, b) >> (4 * (g % 2)) & 0x0Fu;
      }
      if constexpr (kBits == 5) value |= (byte(4, b) >> g & 1u) << 4;
      if constexpr (kBits == 6) value |= (byte(4 + g / 4, b) >> (2 * (g % 4)) & 3u) << 4;
      q[4 * g + b] = static_cast<int>(value);
    }
  }
  return q;
}

/// The f16 of `row` in an array over the rows.
float f16_at(const std::byte* array, std::size_t row) {
  return f16_to_f32(load<std::uint16_t>(array + 2 * row));
}

/// d * (q - bias), or d * q + m.
template <PanelFormat kFormat>
void decode_simple(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  constexpr const PanelTraits& kTraits = panel_traits(kFormat);
  constexpr bool kHasMin = kTraits.block_header_bytes == 4 * kPanelRows;
  for (std::size_t k = 0; k < columns; k += kPanelBlock, panel += kTraits.block_bytes()) {
    const Quants q = unpack_row<kTraits.bits>(panel + kTraits.block_header_bytes, row);
    const std::size_t width = std::min<std::size_t>(kPanelBlock, columns - k);
    const float d = f16_at(panel, row);
    if constexpr (kHasMin) {
      const float m = f16_at(panel + 2 * kPanelRows, row);
      for (std::size_t j = 0; j < width; ++j) out[k + j] = d * static_cast<float>(q[j]) + m;
    } else {
      for (std::size_t j = 0; j < width; ++j) {
        out[k + j] = d * static_cast<float>(q[j] - kTraits.bias);
      }
    }
  }
}

/// Calls body(super header, block header, first k) for each block of 32.
template <PanelFormat kFormat, class Body>
void for_blocks(const std::byte* panel, std::size_t columns, Body body) {
  constexpr const PanelTraits& kTraits = panel_traits(kFormat);
  for (std::size_t k = 0; k < columns; panel += kTraits.super_bytes()) {
    const std::byte* block = panel + kTraits.super_header_bytes;
    for (int b = 0; b < kTraits.blocks_per_super && k < columns; ++b, k += kPanelBlock) {
      body(panel, block, k);
      block += kTraits.block_bytes();
    }
  }
}

void decode_t4_scale(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  constexpr const PanelTraits& kTraits = panel_traits(PanelFormat::kT4Scale);
  for (std::size_t k = 0; k < columns; k += kPanelBlock, panel += kTraits.block_bytes()) {
    const Quants q = unpack_row<kTraits.bits>(panel + kTraits.block_header_bytes, row);
    const std::size_t width = std::min<std::size_t>(kPanelBlock, columns - k);
    const float d = half_power_of_two(std::to_integer<std::uint8_t>(panel[row]));
    for (std::size_t j = 0; j < width; ++j) out[k + j] = d * static_cast<float>(kT4Values[q[j]]);
  }
}

void decode_u4_super(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  constexpr const PanelTraits& kTraits = panel_traits(PanelFormat::kU4Super);
  for_blocks<PanelFormat::kU4Super>(
      panel, columns, [&](const std::byte* super, const std::byte* block, std::size_t k) {
        const Quants q = unpack_row<kTraits.bits>(block + kTraits.block_header_bytes, row);
        const float scale =
            f16_at(super, row) * static_cast<float>(std::to_integer<int>(block[row]));
        const float offset = f16_at(super + 2 * kPanelRows, row) *
                             static_cast<float>(std::to_integer<int>(block[kPanelRows + row]));
        const std::size_t width = std::min<std::size_t>(kPanelBlock, columns - k);
        for (std::size_t j = 0; j < width; ++j) {
          out[k + j] = scale * static_cast<float>(q[j]) - offset;
        }
      });
}

void decode_u6_super(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  constexpr const PanelTraits& kTraits = panel_traits(PanelFormat::kU6Super);
  for_blocks<PanelFormat::kU6Super>(
      panel, columns, [&](const std::byte* super, const std::byte* block, std::size_t k) {
        const Quants q = unpack_row<kTraits.bits>(block + kTraits.block_header_bytes, row);
        const float d = f16_at(super, row);
        const std::size_t width = std::min<std::size_t>(kPanelBlock, columns - k);
        for (std::size_t j = 0; j < width; ++j) {
          const auto s = load<std::int8_t>(block + kPanelRows * (j / 16) + row);
          out[k + j] = d * static_cast<float>(s) * static_cast<float>(q[j] - kTraits.bias);
        }
      });
}

template <class Element, class Convert>
void decode_floats(const std::byte* panel, std::size_t row, std::size_t columns, float* out,
                   Convert convert) {
  for (std::size_t k = 0; k < columns; ++k) {
    out[k] = convert(load<Element>(panel + (k * kPanelRows + row) * sizeof(Element)));
  }
}

}  // namespace

void decode_panel_row(PanelFormat format, const std::byte* panel, int row, std::int64_t columns,
                      float* out) noexcept {
  const auto r = static_cast<std::size_t>(row);
  const auto n = static_cast<std::size_t>(columns);
  switch (format) {
    case PanelFormat::kU4Scale:
      return decode_simple<PanelFormat::kU4Scale>(panel, r, n, out);
    case PanelFormat::kU4ScaleMin:
      return decode_simple<PanelFormat::kU4ScaleMin>(panel, r, n, out);
    case PanelFormat::kU4Super:
      return decode_u4_super(panel, r, n, out);
    case PanelFormat::kU5Scale:
      return decode_simple<PanelFormat::kU5Scale>(panel, r, n, out);
    case PanelFormat::kU5ScaleMin:
      return decode_simple<PanelFormat::kU5ScaleMin>(panel, r, n, out);
    case PanelFormat::kU6Super:
      return decode_u6_super(panel, r, n, out);
    case PanelFormat::kU8Scale:
      return decode_simple<PanelFormat::kU8Scale>(panel, r, n, out);
    case PanelFormat::kT4Scale:
      return decode_t4_scale(panel, r, n, out);
    case PanelFormat::kF16:
      return decode_floats<std::uint16_t>(panel, r, n, out, f16_to_f32);
    case PanelFormat::kBF16:
      return decode_floats<std::uint16_t>(panel, r, n, out, bf16_to_f32);
    case PanelFormat::kF32:
      return decode_floats<float>(panel, r, n, out, [](float value) { return value; });
  }
}

}  // namespace sirocco
