#pragma once

#include <bit>
#include <cstdint>

#include "sirocco/quant/float16.hpp"

namespace sirocco {

/// The value of an F8_E4M3 element ("e4m3fn": four bits of exponent, bias 7, three of fraction; no
/// infinities, all ones is NaN), exact. (Micikevicius et al. 2022)
constexpr float f8_e4m3_to_f32(std::uint8_t bits) {
  const std::uint32_t sign = (bits & 0x80u) << 24;
  const std::uint32_t exponent = (bits >> 3) & 0xFu;
  const std::uint32_t fraction = bits & 0x7u;
  if ((bits & 0x7F) == 0x7F) return std::bit_cast<float>(sign | 0x7FC00000u);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 120) << 23 | fraction << 20);
  // fraction * 2^-9, normalized.
  if (fraction == 0) return std::bit_cast<float>(sign);
  const std::uint32_t top = 31u - static_cast<std::uint32_t>(std::countl_zero(fraction));
  return std::bit_cast<float>(sign | (top + 118) << 23 | ((fraction << (23 - top)) & 0x7FFFFFu));
}

/// The value of an F8_E5M2 element (five bits of exponent, bias 15, two of fraction: the upper half
/// of a binary16, with its infinities and NaNs), exact.
constexpr float f8_e5m2_to_f32(std::uint8_t bits) {
  return f16_to_f32(static_cast<std::uint16_t>(bits << 8));
}

}  // namespace sirocco
