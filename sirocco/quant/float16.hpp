#pragma once

#include <bit>
#include <cstdint>

namespace sirocco {

/// Conversions between float and the bits of the two 16-bit float formats: IEEE 754 binary16 (f16)
/// and bfloat16 (bf16), by integer arithmetic, so that neither the rounding mode nor the denormal
/// mode of the thread matters. Narrowing rounds to nearest, ties to even; what is too large becomes
/// infinity; denormals are kept; a NaN stays a NaN, made quiet, with its sign and the upper bits of
/// its payload.
constexpr float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1Fu;
  const std::uint32_t fraction = half & 0x3FFu;
  if (exponent == 0x1F) {
    const std::uint32_t quiet = fraction == 0 ? 0 : 0x400000u;
    return std::bit_cast<float>(sign | 0x7F800000u | quiet | fraction << 13);
  }
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  if (fraction == 0) return std::bit_cast<float>(sign);
  // fraction * 2^-24, normalized.
  const std::uint32_t top = 31u - static_cast<std::uint32_t>(std::countl_zero(fraction));
  return std::bit_cast<float>(sign | (top + 103) << 23 | ((fraction << (23 - top)) & 0x7FFFFFu));
}

constexpr std::uint16_t f32_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  std::uint32_t half = 0;
  if (magnitude > 0x7F800000u) {
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x477FF000u) {  // 65520, halfway between the largest f16 and 2^16
    half = 0x7C00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14, the smallest normal f16
    half = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
  } else if (magnitude > 0x33000000u) {  // 2^-25, halfway between zero and the smallest f16
    const std::uint32_t significand = (magnitude & 0x7FFFFFu) | 0x800000u;
    const std::uint32_t shift = 126u - (magnitude >> 23);
    const std::uint32_t even = (significand >> shift) & 1u;
    half = (significand + (1u << (shift - 1)) - 1u + even) >> shift;
  }
  return static_cast<std::uint16_t>(sign | half);
}

constexpr float bf16_to_f32(std::uint16_t bits) {
  const std::uint32_t quiet = (bits & 0x7FFFu) > 0x7F80u ? 0x400000u : 0u;
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16 | quiet);
}

constexpr std::uint16_t f32_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace sirocco
