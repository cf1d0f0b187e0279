#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/quant/block_format.hpp"

/// The formats whose quants are indices into a table of 16 values, kNl4Values
/// (https://github.com/ggml-org/ggml, `block_iq4_nl`, `block_iq4_xs`). Decoded only.
namespace sirocco {

/// 18 bytes. An element is `d * kNl4Values[q]`; q of elements k and k + 16 are the lower and the
/// upper nibble of `qs[k]`.
struct Iq4NlBlock : BlockOf<FormatId::kIQ4_NL, PanelFormat::kNl4Scale> {
  std::uint16_t d;  ///< f16
  std::array<std::uint8_t, 16> qs;
};

/// 136 bytes. Eight blocks of 32; an element of block b is `(d * s[b]) * kNl4Values[q]`.
///
/// s[b] is a number of six bits less 32: its lower four bits are the lower (b even) or the upper
/// nibble of `scales_low[b / 2]`, its upper two are bits 2b and 2b + 1 of `scales_high`.
///
/// q of elements k and k + 16 of block b are the lower and the upper nibble of `qs[16 * b + k]`.
struct Iq4XsBlock : BlockOf<FormatId::kIQ4_XS, PanelFormat::kNl4Super> {
  std::uint16_t d;  ///< f16
  std::uint16_t scales_high;
  std::array<std::uint8_t, 4> scales_low;
  std::array<std::uint8_t, 128> qs;
};

/// iq_quants are their rows in the table of formats.
std::span<const Format> iq_quants();

}  // namespace sirocco
