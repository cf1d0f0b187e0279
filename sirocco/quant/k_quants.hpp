#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/quant/block_format.hpp"

/// The K formats: super-blocks of 256 elements with quantized scales
/// (https://github.com/ggml-org/ggml, `block_q2_K` to `block_q6_K`). Decoded only.
namespace sirocco {

/// 84 bytes. 16 blocks of 16; an element of block b is `(d * s[b]) * q - (dmin * t[b])`, with s[b]
/// and t[b] the lower and the upper nibble of `scales[b]`.
///
/// Seen as two halves h of four times 32 elements, the quant of element k (0 to 31) of quarter j (0
/// to 3) is bits 2j and 2j + 1 of `qs[32 * h + k]`.
struct Q2KBlock : BlockOf<FormatId::kQ2_K, PanelFormat::kU2Super> {
  std::array<std::uint8_t, 16> scales;
  std::array<std::uint8_t, 64> qs;
  std::uint16_t d;     ///< f16
  std::uint16_t dmin;  ///< f16
};

/// 110 bytes. 16 blocks of 16; an element of block b is `(d * s[b]) * (q - 4)`.
///
/// s[b] is a number of six bits less 32: its lower four bits are the lower (b < 8) or the upper
/// nibble of `scales[b % 8]`, its upper two are bits 2(b / 4) and 2(b / 4) + 1 of
/// `scales[8 + b % 4]`.
///
/// The lower two bits of a quant lie in `qs` as those of q2_k; the upper one of element k (0 to 31)
/// of quarter j of half h is bit 4h + j of `hmask[k]`.
struct Q3KBlock : BlockOf<FormatId::kQ3_K, PanelFormat::kU3Super> {
  std::array<std::uint8_t, 32> hmask;
  std::array<std::uint8_t, 64> qs;
  std::array<std::uint8_t, 12> scales;
  std::uint16_t d;  ///< f16
};

/// 144 bytes. Eight blocks of 32; an element of block b is `(d * s[b]) * q - (dmin * t[b])`.
///
/// s and t have six bits each. For b < 4, s[b] is the lower six bits of `scales[b]` and t[b] those
/// of `scales[4 + b]`. For b >= 4, the lower four bits of s[b] and t[b] are the lower and the upper
/// nibble of `scales[4 + b]`, and the upper two bits of s[b] and t[b] are the upper two bits of
/// `scales[b - 4]` and `scales[b]`.
///
/// Quants k of blocks 2c and 2c + 1 are the lower and the upper nibble of `qs[32 * c + k]`.
struct Q4KBlock : BlockOf<FormatId::kQ4_K, PanelFormat::kU4Super> {
  std::uint16_t d;     ///< f16
  std::uint16_t dmin;  ///< f16
  std::array<std::uint8_t, 12> scales;
  std::array<std::uint8_t, 128> qs;
};

/// 176 bytes. As q4_k, with a fifth bit to each quant: that of quant k of block b is bit b of
/// `qh[k]`.
struct Q5KBlock : BlockOf<FormatId::kQ5_K, PanelFormat::kU5Super> {
  std::uint16_t d;     ///< f16
  std::uint16_t dmin;  ///< f16
  std::array<std::uint8_t, 12> scales;
  std::array<std::uint8_t, 32> qh;
  std::array<std::uint8_t, 128> qs;
};

/// 210 bytes. 16 blocks of 16; an element of block b is `(d * scales[b]) * (q - 32)`.
///
/// Seen as two halves h of four times 32 elements, the quant of element k (0 to 31) of quarter j
/// (0 to 3) has as its lower four bits a nibble of `ql[64 * h + 32 * (j % 2) + k]`, the lower one
/// for j < 2, else the upper one, and as its upper two bits bits 2j and 2j + 1 of
/// `qh[32 * h + k]`.
struct Q6KBlock : BlockOf<FormatId::kQ6_K, PanelFormat::kU6Super> {
  std::array<std::uint8_t, 128> ql;
  std::array<std::uint8_t, 64> qh;
  std::array<std::int8_t, 16> scales;
  std::uint16_t d;  ///< f16
};

/// k_quants are their rows in the table of formats.
std::span<const Format> k_quants();

}  // namespace sirocco
