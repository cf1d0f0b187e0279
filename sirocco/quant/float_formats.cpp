#include "sirocco/quant/float_formats.hpp"

#include <algorithm>
#include <array>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::load;
using blocks::store;

/// Deals the halves of `in` out in turn: element i of the first becomes 2i, of the second 2i + 1.
template <class Element, std::size_t kCount>
void interleave(const std::array<Element, kCount>& in, std::array<Element, kCount>& out) noexcept {
  for (std::size_t i = 0; i < kCount / 2; ++i) {
    out[2 * i] = in[i];
    out[2 * i + 1] = in[kCount / 2 + i];
  }
}

/// Transposes rows of elements into [columns][16], in tiles of 16 by 16 that stay in the cache.
/// Four times interleaved, the index of an element, row · 16 + k, has become k · 16 + row.
template <class Element>
void transpose(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  constexpr std::size_t kWidth = 16;
  const auto count = static_cast<std::size_t>(columns);
  const auto present = static_cast<std::size_t>(rows);
  std::array<Element, kWidth * kPanelRows> tile{};
  std::array<Element, kWidth * kPanelRows> other;
  for (std::size_t begin = 0; begin < count; begin += kWidth) {
    const std::size_t width = std::min(kWidth, count - begin);
    const std::byte* from = rows_begin + begin * sizeof(Element);
    if (present == kPanelRows && width == kWidth) {
      for (std::size_t r = 0; r < kPanelRows; ++r)
        std::memcpy(tile.data() + r * kWidth, from + r * row_bytes, kWidth * sizeof(Element));
    } else {
      tile.fill(0);
      for (std::size_t r = 0; r < present; ++r)
        std::memcpy(tile.data() + r * kWidth, from + r * row_bytes, width * sizeof(Element));
    }
    interleave(tile, other);
    interleave(other, tile);
    interleave(tile, other);
    interleave(other, tile);
    std::memcpy(panel + begin * kPanelRows * sizeof(Element), tile.data(),
                width * kPanelRows * sizeof(Element));
  }
}

void decode_f32(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  std::memcpy(out, encoded, blocks * sizeof(float));
}

void encode_f32(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  std::memcpy(encoded, values, blocks * sizeof(float));
}

void decode_f16(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    out[i] = f16_to_f32(load<std::uint16_t>(encoded + 2 * i));
  }
}

void encode_f16(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) store(encoded + 2 * i, f32_to_f16(values[i]));
}

void decode_bf16(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    out[i] = bf16_to_f32(load<std::uint16_t>(encoded + 2 * i));
  }
}

void encode_bf16(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) store(encoded + 2 * i, f32_to_bf16(values[i]));
}

constexpr std::array kRows = {
    row_of<F32Block>("f32", decode_f32, encode_f32, transpose<std::uint32_t>),
    row_of<F16Block>("f16", decode_f16, encode_f16, transpose<std::uint16_t>),
    row_of<Bf16Block>("bf16", decode_bf16, encode_bf16, transpose<std::uint16_t>),
};

}  // namespace

std::span<const Format> float_formats() { return kRows; }

}  // namespace sirocco
