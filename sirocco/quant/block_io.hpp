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
inline constexpr std::uint32_t kLowBits = 0x01010101u;
inline constexpr std::size_t kWordBytes = 4 * kPanelRows;

/// 32 quants of one row, one a byte.
using QuantWords = std::array<std::uint32_t, 8>;

/// The quants of 16 bytes that hold k and k + 16 in their lower and their upper nibbles.
inline QuantWords split_nibbles(const void* qs) noexcept {
  const auto both = load<std::array<std::uint32_t, 4>>(qs);
  QuantWords words;
  for (std::size_t g = 0; g < 4; ++g) {
    words[g] = both[g] & kLowNibbles;
    words[g + 4] = both[g] >> 4 & kLowNibbles;
  }
  return words;
}

/// Bits `shift` and up of 32 bytes, as many as `mask` has in a byte.
inline QuantWords take_bits(const void* bytes, std::size_t shift, std::uint32_t mask) noexcept {
  auto words = load<QuantWords>(bytes);
  for (std::uint32_t& word : words) word = word >> shift & mask;
  return words;
}

/// Writes 32 four-bit quants of row `row`, upper nibbles clear, into a block's 256 bytes of nibbles
/// (panel.hpp, "u4").
inline void store_nibbles(std::byte* quants, std::size_t row, const QuantWords& words) noexcept {
  for (std::size_t w = 0; w < 4; ++w) {
    store(quants + w * kWordBytes + 4 * row, words[2 * w] | words[2 * w + 1] << 4);
  }
}

/// Writes two bits of each quant in the same way into a block's 128 bytes (panel.hpp, "u2", the end
/// of "u6").
inline void store_pairs(std::byte* quants, std::size_t row, const QuantWords& words) noexcept {
  for (std::size_t w = 0; w < 2; ++w) {
    store(quants + w * kWordBytes + 4 * row,
          words[4 * w] | words[4 * w + 1] << 2 | words[4 * w + 2] << 4 | words[4 * w + 3] << 6);
  }
}

/// Writes one bit of each quant in the same way into a block's 64 bytes (panel.hpp, the end of "u3"
/// and "u5").
inline void store_bits(std::byte* quants, std::size_t row, const QuantWords& words) noexcept {
  std::uint32_t bits = 0;
  for (std::size_t g = 0; g < 8; ++g) bits |= words[g] << g;
  store(quants + 4 * row, bits);
}

}  // namespace sirocco::blocks
