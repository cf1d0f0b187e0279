#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sirocco/quant/format.hpp"

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
struct Q4_0Block {
  static constexpr FormatId kId = FormatId::kQ4_0;
  static constexpr std::string_view kName = "q4_0";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kU4Scale;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t d;  ///< f16
  std::array<std::uint8_t, 16> qs;
};

/// 20 bytes.
struct Q4_1Block {
  static constexpr FormatId kId = FormatId::kQ4_1;
  static constexpr std::string_view kName = "q4_1";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kU4ScaleMin;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t d;  ///< f16
  std::uint16_t m;  ///< f16
  std::array<std::uint8_t, 16> qs;
};

/// 22 bytes.
struct Q5_0Block {
  static constexpr FormatId kId = FormatId::kQ5_0;
  static constexpr std::string_view kName = "q5_0";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kU5Scale;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t d;  ///< f16
  std::array<std::uint8_t, 4> qh;
  std::array<std::uint8_t, 16> qs;
};

/// 24 bytes.
struct Q5_1Block {
  static constexpr FormatId kId = FormatId::kQ5_1;
  static constexpr std::string_view kName = "q5_1";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kU5ScaleMin;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t d;  ///< f16
  std::uint16_t m;  ///< f16
  std::array<std::uint8_t, 4> qh;
  std::array<std::uint8_t, 16> qs;
};

/// 34 bytes.
struct Q8_0Block {
  static constexpr FormatId kId = FormatId::kQ8_0;
  static constexpr std::string_view kName = "q8_0";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kU8Scale;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t d;  ///< f16
  std::array<std::int8_t, 32> qs;
};

}  // namespace sirocco
