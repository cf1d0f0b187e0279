#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/quant/block_format.hpp"

/// The formats with blocks of 32 and one f16 scale (and for the _1 kinds one f16 minimum) a block:
/// q4_0, q4_1, q5_0, q5_1, q8_0 (https://github.com/ggml-org/ggml, `block_q4_0` and so on). With q
/// an unsigned quant, element k of a block is
///
///   - `d * (q - 8)` for q4_0, `d * (q - 16)` for q5_0, `d * q + m` for q4_1 and q5_1,
///   - `d * q` with a signed q for q8_0.
///
/// The lower four bits of quants k and k + 16 are the lower and the upper nibble of `qs[k]`; bit 4
/// of quant k is bit k of the little-endian word `qh`.
///
/// Encoding gives the bits that the `gguf` Python package gives. A block whose scale is too small
/// for its reciprocal to be finite gets the quants of a block of zeros: the scale is zero in f16.
namespace sirocco {

/// 18 bytes.
struct Q4_0Block : BlockOf<FormatId::kQ4_0, PanelFormat::kU4Scale> {
  std::uint16_t d;  ///< f16
  std::array<std::uint8_t, 16> qs;
};

/// 20 bytes.
struct Q4_1Block : BlockOf<FormatId::kQ4_1, PanelFormat::kU4ScaleMin> {
  std::uint16_t d;  ///< f16
  std::uint16_t m;  ///< f16
  std::array<std::uint8_t, 16> qs;
};

/// 22 bytes.
struct Q5_0Block : BlockOf<FormatId::kQ5_0, PanelFormat::kU5Scale> {
  std::uint16_t d;  ///< f16
  std::array<std::uint8_t, 4> qh;
  std::array<std::uint8_t, 16> qs;
};

/// 24 bytes.
struct Q5_1Block : BlockOf<FormatId::kQ5_1, PanelFormat::kU5ScaleMin> {
  std::uint16_t d;  ///< f16
  std::uint16_t m;  ///< f16
  std::array<std::uint8_t, 4> qh;
  std::array<std::uint8_t, 16> qs;
};

/// 34 bytes.
struct Q8_0Block : BlockOf<FormatId::kQ8_0, PanelFormat::kU8Scale> {
  std::uint16_t d;  ///< f16
  std::array<std::int8_t, 32> qs;
};

/// legacy_quants are their rows in the table of formats.
std::span<const Format> legacy_quants();

}  // namespace sirocco
