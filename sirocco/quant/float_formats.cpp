#include "sirocco/quant/float_formats.hpp"

#include <algorithm>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::load;
using blocks::store;

/// Transposes rows of elements into [columns][16], in tiles of 16 by 16 that stay in the cache.
template <class Element>
void transpose(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  const auto count = static_cast<std::size_t>(columns);
  const auto present = static_cast<std::size_t>(rows);
  for (std::size_t begin = 0; begin < count; begin += 16) {
    const std::size_t width = std::min<std::size_t>(16, count - begin);
    Element tile[16][kPanelRows] = {};
    for (std::size_t r = 0; r < present; ++r) {
      Element line[16];
      std::memcpy(line, rows_begin + r * row_bytes + begin * sizeof(Element),
                  width * sizeof(Element));
      for (std::size_t k = 0; k < width; ++k) tile[k][r] = line[k];
    }
    std::memcpy(panel + begin * sizeof(tile[0]), tile, width * sizeof(tile[0]));
  }
}

}  // namespace

void F32Block::decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  std::memcpy(out, encoded, blocks * sizeof(float));
}

void F32Block::encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  std::memcpy(encoded, values, blocks * sizeof(float));
}

void F32Block::pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                    std::int64_t columns, std::byte* panel) noexcept {
  transpose<std::uint32_t>(rows_begin, row_bytes, rows, columns, panel);
}

void F16Block::decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    out[i] = f16_to_f32(load<std::uint16_t>(encoded + 2 * i));
  }
}

void F16Block::encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) store(encoded + 2 * i, f32_to_f16(values[i]));
}

void F16Block::pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                    std::int64_t columns, std::byte* panel) noexcept {
  transpose<std::uint16_t>(rows_begin, row_bytes, rows, columns, panel);
}

void Bf16Block::decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    out[i] = bf16_to_f32(load<std::uint16_t>(encoded + 2 * i));
  }
}

void Bf16Block::encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) store(encoded + 2 * i, f32_to_bf16(values[i]));
}

void Bf16Block::pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                     std::int64_t columns, std::byte* panel) noexcept {
  transpose<std::uint16_t>(rows_begin, row_bytes, rows, columns, panel);
}

}  // namespace sirocco
