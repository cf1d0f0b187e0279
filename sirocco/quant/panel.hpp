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
/// is its header, then its quants. All headers are arrays over the 16 rows: see PanelScaling.
/// Quants of a block are unsigned and stand in eight groups of four consecutive k: group g holds
/// k = 4g … 4g+3, row r at bytes 4r … 4r+3, so that four activation bytes, broadcast, feed one
/// 4-way dot product for 16 rows. A word below is 64 bytes: one group at eight bits, two at four.
///
///   - u2: 128 bytes. Bits 2(g%4) and 2(g%4)+1 of byte i of word g/4 are byte i of group g.
///   - u3: u2's 128 bytes, then 64 bytes: bit g of byte i is bit 2 of byte i of group g.
///   - u4: 256 bytes. Word w (0 to 3) holds group 2w in the low and group 2w+1 in the high nibbles.
///   - u5: u4's 256 bytes, then 64 bytes: bit g of byte i is bit 4 of byte i of group g.
///   - u6: u4's 256 bytes, then two words: bits 2(g%4) and 2(g%4)+1 of byte i of word g/4 are bits
///     4 and 5 of byte i of group g.
///   - u8: 512 bytes. Word g is group g.
///   - t4, nl4: u4's 256 bytes. A quant is an index into kT4Values, kNl4Values.
///
/// Float panels hold, for each k in order, the 16 rows' elements.
enum class PanelFormat : std::uint8_t {
  kU2Super,
  kU3Super,
  kU4Scale,
  kU4ScaleMin,
  kU4Super,
  kU5Scale,
  kU5ScaleMin,
  kU5Super,
  kU6Super,
  kU8Scale,
  kT4Scale,
  kNl4Scale,
  kNl4Super,
  kF16,
  kBF16,
  kF32,
};

/// What the headers of an integer panel hold, in this order, and the weight that a quant stands for
/// in real numbers. v is the quant without its bias, or its value in the table. Those with a
/// super-block header have eight blocks under it, the others one.
enum class PanelScaling : std::uint8_t {
  kNone,        ///< float panels
  kScale,       ///< `d * v`. Block header: d f16[16].
  kPowerOfTwo,  ///< `2^(e - 128) * v`. Block header: e u8[16].
  kScaleMin,    ///< `d * v + m`. Block header: d f16[16], m f16[16].
  kSuper,       ///< `d * s * v`. Super-block header: d f16[16]; block header: s i8[16].
  /// `(d * s) * v - (dmin * t)`. Super-block header: d f16[16], dmin f16[16]; block header:
  /// s u8[16], t u8[16].
  kSuperMin,
  /// `d * s * v`. Super-block header: d f16[16]; block header: s i8[16] of the first 16 k, then
  /// s i8[16] of the other 16.
  kSuperHalves,
  /// `(d * s) * v - (dmin * t)`. Super-block header: d f16[16], dmin f16[16]; block header: for the
  /// first 16 k and then for the other 16, u8[16] with s in the low and t in the high nibbles.
  kSuperHalvesMin,
};

inline constexpr int kPanelRows = 16;
inline constexpr int kPanelBlock =
    32;  ///< k in a block of an integer panel, and in a block of quantized activations

/// What the quants of MXFP4 stand for: twice a float of two exponent bits and one fraction bit.
inline constexpr std::int8_t kT4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                              0, -1, -2, -3, -4, -6, -8, -12};

/// What the quants of IQ4_NL and IQ4_XS stand for: steps that grow with the distance from zero.
inline constexpr std::int8_t kNl4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

struct PanelTraits {
  PanelFormat format;
  std::string_view name;
  int bits;  ///< of a quant; of an element for float panels
  int bias;  ///< what is subtracted from a quant, or what makes a table's values unsigned
  PanelScaling scaling = PanelScaling::kNone;
  const std::int8_t* table = nullptr;  ///< what quants are indices into, if they are
  int blocks_per_super = 0;            ///< blocks of 32 in a super-block; 0 for float panels
  int super_header_bytes = 0;          ///< before the first block of a super-block
  int block_header_bytes = 0;          ///< before the quants of a block
  constexpr bool is_float() const { return blocks_per_super == 0; }
  constexpr bool has_minimum() const {
    return scaling == PanelScaling::kScaleMin || scaling == PanelScaling::kSuperMin ||
           scaling == PanelScaling::kSuperHalvesMin;
  }
  /// Whether the two halves of a block have scales of their own.
  constexpr bool has_halves() const {
    return scaling == PanelScaling::kSuperHalves || scaling == PanelScaling::kSuperHalvesMin;
  }
  constexpr int quant_bytes() const { return bits * kPanelBlock * kPanelRows / 8; }
  constexpr int block_bytes() const { return block_header_bytes + quant_bytes(); }
  constexpr int super_bytes() const {
    return super_header_bytes + blocks_per_super * block_bytes();
  }
};

/// The row of an integer panel: its headers follow from its scaling.
constexpr PanelTraits integer_panel(PanelFormat format, std::string_view name, int bits, int bias,
                                    PanelScaling scaling, const std::int8_t* table = nullptr) {
  PanelTraits row{format, name, bits, bias, scaling, table};
  constexpr int kByteArray = kPanelRows;
  constexpr int kF16Array = 2 * kPanelRows;
  switch (scaling) {
    case PanelScaling::kNone:
      return row;
    case PanelScaling::kScale:
      row.block_header_bytes = kF16Array;
      break;
    case PanelScaling::kPowerOfTwo:
      row.block_header_bytes = kByteArray;
      break;
    case PanelScaling::kScaleMin:
      row.block_header_bytes = 2 * kF16Array;
      break;
    case PanelScaling::kSuper:
      row.super_header_bytes = kF16Array;
      row.block_header_bytes = kByteArray;
      break;
    case PanelScaling::kSuperHalves:
      row.super_header_bytes = kF16Array;
      row.block_header_bytes = 2 * kByteArray;
      break;
    case PanelScaling::kSuperMin:
    case PanelScaling::kSuperHalvesMin:
      row.super_header_bytes = 2 * kF16Array;
      row.block_header_bytes = 2 * kByteArray;
      break;
  }
  row.blocks_per_super = row.super_header_bytes == 0 ? 1 : 8;
  return row;
}

inline constexpr std::array kPanelTraits = {
    integer_panel(PanelFormat::kU2Super, "u2_super", 2, 0, PanelScaling::kSuperHalvesMin),
    integer_panel(PanelFormat::kU3Super, "u3_super", 3, 4, PanelScaling::kSuperHalves),
    integer_panel(PanelFormat::kU4Scale, "u4_scale", 4, 8, PanelScaling::kScale),
    integer_panel(PanelFormat::kU4ScaleMin, "u4_scale_min", 4, 0, PanelScaling::kScaleMin),
    integer_panel(PanelFormat::kU4Super, "u4_super", 4, 0, PanelScaling::kSuperMin),
    integer_panel(PanelFormat::kU5Scale, "u5_scale", 5, 16, PanelScaling::kScale),
    integer_panel(PanelFormat::kU5ScaleMin, "u5_scale_min", 5, 0, PanelScaling::kScaleMin),
    integer_panel(PanelFormat::kU5Super, "u5_super", 5, 0, PanelScaling::kSuperMin),
    integer_panel(PanelFormat::kU6Super, "u6_super", 6, 32, PanelScaling::kSuperHalves),
    integer_panel(PanelFormat::kU8Scale, "u8_scale", 8, 128, PanelScaling::kScale),
    integer_panel(PanelFormat::kT4Scale, "t4_scale", 4, 16, PanelScaling::kPowerOfTwo, kT4Values),
    integer_panel(PanelFormat::kNl4Scale, "nl4_scale", 4, 128, PanelScaling::kScale, kNl4Values),
    integer_panel(PanelFormat::kNl4Super, "nl4_super", 4, 128, PanelScaling::kSuper, kNl4Values),
    PanelTraits{PanelFormat::kF16, "f16", 16, 0},
    PanelTraits{PanelFormat::kBF16, "bf16", 16, 0},
    PanelTraits{PanelFormat::kF32, "f32", 32, 0},
};

constexpr const PanelTraits& panel_traits(PanelFormat format) {
  return kPanelTraits[static_cast<std::size_t>(format)];
}

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
