#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/formats/file_weights.hpp"

namespace sirocco {

/// The float nearest to a double, ties to even, by integer arithmetic, so that neither the rounding
/// mode nor the denormal mode of the thread matters. What is too large becomes infinity; denormals
/// are kept; a NaN stays a NaN, made quiet, with its sign and the upper bits of its payload.
constexpr float f64_to_f32(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63);
  std::uint64_t narrow = 0;
  if (magnitude > 0x7FF0000000000000u) {
    narrow = 0x7FC00000u | (magnitude >> 29 & 0x3FFFFFu);
  } else if (magnitude >= 0x47EFFFFFF0000000u) {  // halfway between the largest float and 2^128
    narrow = 0x7F800000u;
  } else if (magnitude >= 0x3810000000000000u) {  // 2^-126, the smallest normal float
    narrow = (magnitude + 0xFFFFFFFu + (magnitude >> 29 & 1u) - (std::uint64_t{896} << 52)) >> 29;
  } else if (magnitude > 0x3690000000000000u) {  // 2^-150, halfway between 0 and the smallest float
    const std::uint64_t significand = (magnitude & 0xFFFFFFFFFFFFFu) | std::uint64_t{1} << 52;
    const std::uint64_t shift = 926u - (magnitude >> 52);
    const std::uint64_t even = significand >> shift & 1u;
    narrow = (significand + (std::uint64_t{1} << (shift - 1)) - 1u + even) >> shift;
  }
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits >> 63 << 31 | narrow));
}

/// NarrowedFloat64 are rows of doubles as f32, each rounded once. No kernel computes with doubles.
class NarrowedFloat64 final : public MadeRows {
 public:
  /// `bytes` holds rows of `columns` doubles and outlives this.
  NarrowedFloat64(std::span<const std::byte> bytes, std::int64_t columns)
      : bytes_(bytes), columns_(columns) {}

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;

 private:
  std::span<const std::byte> bytes_;
  std::int64_t columns_;
};

/// These rows, and what they are made of.
RowsOfFile narrowed_rows(std::span<const std::byte> bytes, std::int64_t columns);

}  // namespace sirocco
