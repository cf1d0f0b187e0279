#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sirocco {

/// Weights as kernels read them: a panel holds 16 output rows, and a lane of a vector register is a
/// row of the panel. K is walked in order, in blocks of 32. About 25 file formats run as these few.
///
/// Integer panels are a run of super-blocks. A super-block is its header, then its blocks; a block
/// is its header, then its quants. All headers are arrays over the 16 rows. Quants of a block are
/// unsigned and stand in eight groups of four consecutive k: group g holds k = 4g … 4g+3, row r at
/// bytes 4r … 4r+3, so that four activation bytes, broadcast, feed one 4-way dot product for 16
/// rows. A word below is 64 bytes: one group at eight bits, two at four.
///
///   - u4: 256 bytes. Word w (0 to 3) holds group 2w in the low and group 2w+1 in the high nibbles.
///   - u5: u4's 256 bytes, then 64 bytes: bit g of byte i is bit 4 of byte i of group g.
///   - u6: u4's 256 bytes, then two words: bits 2(g%4) and 2(g%4)+1 of byte i of word g/4 are bits
///     4 and 5 of byte i of group g.
///   - u8: 512 bytes. Word g is group g.
///
/// Float panels hold, for each k in order, the 16 rows' elements.
///
/// With q an unsigned quant, a weight in real numbers, and the headers in their order:
///
///   - kU4Scale, kU5Scale, kU8Scale: `d * (q - bias)`. Block header: d f16[16].
///   - kT4Scale, u4's quants: `2^(e - 128) * kT4Values[q]`. Block header: e u8[16].
///   - kU4ScaleMin, kU5ScaleMin: `d * q + m`. Block header: d f16[16], m f16[16].
///   - kU4Super, 256 wide: `(d * s) * q - (dmin * t)`. Super-block header: d f16[16], dmin f16[16];
///     block header: s u8[16], t u8[16].
///   - kU6Super, 256 wide: `d * s * (q - bias)`. Super-block header: d f16[16]; block header:
///     s i8[16] of the first 16 k, then s i8[16] of the other 16.
enum class PanelFormat : std::uint8_t {
  kU4Scale,
  kU4ScaleMin,
  kU4Super,
  kU5Scale,
  kU5ScaleMin,
  kU6Super,
  kU8Scale,
  kT4Scale,
  kF16,
  kBF16,
  kF32,
};

inline constexpr int kPanelRows = 16;
inline constexpr int kPanelBlock =
    32;  ///< k in a block of an integer panel, and in a block of quantized activations

struct PanelTraits {
  PanelFormat format;
  std::string_view name;
  int bits;                ///< of a quant; of an element for float panels
  int bias;                ///< what is subtracted from a quant, or was added to those of a table
  int blocks_per_super;    ///< blocks of 32 in a super-block; 0 for float panels
  int super_header_bytes;  ///< before the first block of a super-block
  int block_header_bytes;  ///< before the quants of a block
  constexpr bool is_float() const { return blocks_per_super == 0; }
  constexpr int quant_bytes() const { return bits * kPanelBlock * kPanelRows / 8; }
  constexpr int block_bytes() const { return block_header_bytes + quant_bytes(); }
  constexpr int super_bytes() const {
    return super_header_bytes + blocks_per_super * block_bytes();
  }
};

inline constexpr std::array kPanelTraits = {
    PanelTraits{PanelFormat::kU4Scale, "u4_scale", 4, 8, 1, 0, 32},
    PanelTraits{PanelFormat::kU4ScaleMin, "u4_scale_min", 4, 0, 1, 0, 64},
    PanelTraits{PanelFormat::kU4Super, "u4_super", 4, 0, 8, 64, 32},
    PanelTraits{PanelFormat::kU5Scale, "u5_scale", 5, 16, 1, 0, 32},
    PanelTraits{PanelFormat::kU5ScaleMin, "u5_scale_min", 5, 0, 1, 0, 64},
    PanelTraits{PanelFormat::kU6Super, "u6_super", 6, 32, 8, 32, 32},
    PanelTraits{PanelFormat::kU8Scale, "u8_scale", 8, 128, 1, 0, 32},
    PanelTraits{PanelFormat::kT4Scale, "t4_scale", 4, 12, 1, 0, 16},
    PanelTraits{PanelFormat::kF16, "f16", 16, 0, 0, 0, 0},
    PanelTraits{PanelFormat::kBF16, "bf16", 16, 0, 0, 0, 0},
    PanelTraits{PanelFormat::kF32, "f32", 32, 0, 0, 0, 0},
};

constexpr const PanelTraits& panel_traits(PanelFormat format) {
  return kPanelTraits[static_cast<std::size_t>(format)];
}

/// What the quants of a table of four bits stand for.
inline constexpr std::int8_t kT4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                              0, -1, -2, -3, -4, -6, -8, -12};

/// 2^(e - 128), exactly: below 2^-126 it is a denormal.
constexpr float half_power_of_two(std::uint8_t e) {
  return std::bit_cast<float>(e < 2 ? std::uint32_t{0x00200000} << e : (e - 1u) << 23);
}

/// Bytes of one panel of 16 rows by `columns`; integer panels round `columns` up to a whole
/// super-block.
constexpr std::size_t panel_bytes(PanelFormat format, std::int64_t columns) {
  const PanelTraits& t = panel_traits(format);
  if (t.is_float())
    return static_cast<std::size_t>(columns) * kPanelRows * static_cast<std::size_t>(t.bits) / 8;
  const std::int64_t super_width = std::int64_t{kPanelBlock} * t.blocks_per_super;
  return static_cast<std::size_t>((columns + super_width - 1) / super_width) *
         static_cast<std::size_t>(t.super_bytes());
}

/// Row `row` (0 to 15) of a panel as `columns` floats: the values above, products and sums rounded
/// one by one from left to right. What an embedding lookup reads, and the oracle of the packing
/// functions.
void decode_panel_row(PanelFormat format, const std::byte* panel, int row, std::int64_t columns,
                      float* out) noexcept;

}  // namespace sirocco
