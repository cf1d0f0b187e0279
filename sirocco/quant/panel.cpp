#include "sirocco/quant/panel.hpp"

#include <algorithm>
#include <utility>

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
      } else if constexpr (kBits <= 3) {
        value = byte(g / 4, b) >> (2 * (g % 4)) & 3u;
        if constexpr (kBits == 3) value |= (byte(2, b) >> g & 1u) << 2;
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

float byte_at(const std::byte* array, std::size_t row) {
  return static_cast<float>(std::to_integer<int>(array[row]));
}

/// What the values of a half of a block are multiplied with and what is then added.
struct Scale {
  float scale;
  float offset = 0.0f;
};

template <PanelScaling kScaling>
Scale scale_of(const std::byte* super, const std::byte* block, std::size_t row, std::size_t half) {
  constexpr std::size_t kByteArray = kPanelRows;
  constexpr std::size_t kF16Array = 2 * kPanelRows;
  if constexpr (kScaling == PanelScaling::kScale) {
    return {f16_at(block, row)};
  } else if constexpr (kScaling == PanelScaling::kPowerOfTwo) {
    return {half_power_of_two(std::to_integer<std::uint8_t>(block[row]))};
  } else if constexpr (kScaling == PanelScaling::kScaleMin) {
    return {f16_at(block, row), f16_at(block + kF16Array, row)};
  } else if constexpr (kScaling == PanelScaling::kSuper) {
    return {f16_at(super, row) * static_cast<float>(load<std::int8_t>(block + row))};
  } else if constexpr (kScaling == PanelScaling::kSuperHalves) {
    const auto s = load<std::int8_t>(block + kByteArray * half + row);
    return {f16_at(super, row) * static_cast<float>(s)};
  } else if constexpr (kScaling == PanelScaling::kSuperMin) {
    return {f16_at(super, row) * byte_at(block, row),
            -(f16_at(super + kF16Array, row) * byte_at(block + kByteArray, row))};
  } else {
    static_assert(kScaling == PanelScaling::kSuperHalvesMin);
    const int both = std::to_integer<int>(block[kByteArray * half + row]);
    return {f16_at(super, row) * static_cast<float>(both & 15),
            -(f16_at(super + kF16Array, row) * static_cast<float>(both >> 4))};
  }
}

template <PanelFormat kFormat>
void decode_integers(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  constexpr PanelTraits kTraits = panel_traits(kFormat);
  for (std::size_t k = 0; k < columns; panel += kTraits.super_bytes()) {
    const std::byte* block = panel + kTraits.super_header_bytes;
    for (int b = 0; b < kTraits.blocks_per_super && k < columns; ++b, k += kPanelBlock) {
      const Quants q = unpack_row<kTraits.bits>(block + kTraits.block_header_bytes, row);
      const std::array<Scale, 2> scales = {scale_of<kTraits.scaling>(panel, block, row, 0),
                                           scale_of<kTraits.scaling>(panel, block, row, 1)};
      const std::size_t width = std::min<std::size_t>(kPanelBlock, columns - k);
      for (std::size_t j = 0; j < width; ++j) {
        const Scale& by = scales[j / 16];
        const int v = kTraits.table != nullptr ? kTraits.table[q[j]] : q[j] - kTraits.bias;
        out[k + j] = by.scale * static_cast<float>(v);
        if constexpr (kTraits.has_minimum()) out[k + j] += by.offset;
      }
      block += kTraits.block_bytes();
    }
  }
}

template <class Element, class Convert>
void decode_floats(const std::byte* panel, std::size_t row, std::size_t columns, float* out,
                   Convert convert) {
  for (std::size_t k = 0; k < columns; ++k) {
    out[k] = convert(load<Element>(panel + (k * kPanelRows + row) * sizeof(Element)));
  }
}

template <PanelFormat kFormat>
void decode_row(const std::byte* panel, std::size_t row, std::size_t columns, float* out) {
  if constexpr (kFormat == PanelFormat::kF32) {
    decode_floats<float>(panel, row, columns, out, [](float value) { return value; });
  } else if constexpr (kFormat == PanelFormat::kF16) {
    decode_floats<std::uint16_t>(panel, row, columns, out, f16_to_f32);
  } else if constexpr (kFormat == PanelFormat::kBF16) {
    decode_floats<std::uint16_t>(panel, row, columns, out, bf16_to_f32);
  } else {
    decode_integers<kFormat>(panel, row, columns, out);
  }
}

/// By PanelFormat.
constexpr auto kRowDecoders = []<std::size_t... kFormats>(std::index_sequence<kFormats...>) {
  return std::array{decode_row<static_cast<PanelFormat>(kFormats)>...};
}(std::make_index_sequence<kPanelTraits.size()>());

}  // namespace

void decode_panel_row(PanelFormat format, const std::byte* panel, int row, std::int64_t columns,
                      float* out) noexcept {
  kRowDecoders[static_cast<std::size_t>(format)](panel, static_cast<std::size_t>(row),
                                                 static_cast<std::size_t>(columns), out);
}

}  // namespace sirocco
