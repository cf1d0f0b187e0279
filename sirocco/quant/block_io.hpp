#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sirocco/quant/panel.hpp"

/// What the families of formats share: unaligned loads and stores, and 16 rows walked block by
/// block. Internal to quant/.
namespace sirocco::blocks {

static_assert(std::endian::native == std::endian::little,
              "files and panels are little-endian and are read and written as they are");

template <class T>
T load(const void* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(void* to, const T& value) noexcept {
  std::memcpy(to, &value, sizeof(T));
}

/// 16 rows of a tensor, of which the first `rows` exist. A missing row reads as blocks of zero
/// bytes, which is zero in every format: so packing has no branch on the row.
template <class Block>
class PanelRows {
 public:
  PanelRows(const std::byte* begin, std::size_t row_bytes, int rows) noexcept {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const bool exists = r < static_cast<std::size_t>(rows);
      begin_[r] = exists ? begin + r * row_bytes : kZeros.data();
      step_[r] = exists ? sizeof(Block) : 0;
    }
  }

  /// Where block `block` of row `row` begins; not necessarily aligned.
  const std::byte* at(std::size_t row, std::size_t block) const noexcept {
    return begin_[row] + step_[row] * block;
  }

 private:
  static constexpr std::array<std::byte, sizeof(Block)> kZeros{};
  std::array<const std::byte*, kPanelRows> begin_;
  std::array<std::size_t, kPanelRows> step_;
};

// Four quants at a time, a byte each: k = 4g … 4g+3 of one row is a 32-bit word everywhere here.
inline constexpr std::uint32_t kLowNibbles = 0x0F0F0F0Fu;
inline constexpr std::uint32_t kLowPairs = 0x03030303u;
inline constexpr std::size_t kWordBytes = 4 * kPanelRows;

/// Writes 32 four-bit quants of row `row`, given as eight words of one quant a byte, upper nibbles
/// clear, into a block's 256 bytes of nibbles (panel.hpp, "u4").
inline void store_nibbles(std::byte* quants, std::size_t row,
                          const std::array<std::uint32_t, 8>& words) noexcept {
  for (std::size_t w = 0; w < 4; ++w) {
    store(quants + w * kWordBytes + 4 * row, words[2 * w] | words[2 * w + 1] << 4);
  }
}

}  // namespace sirocco::blocks
