#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sirocco/quant/format.hpp"

/// The plain floats: a block is one element, little-endian, as it is.
namespace sirocco {

struct F32Block {
  static constexpr FormatId kId = FormatId::kF32;
  static constexpr std::string_view kName = "f32";
  static constexpr std::uint32_t kElements = 1;
  static constexpr PanelFormat kPanel = PanelFormat::kF32;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint32_t bits;
};

/// IEEE 754 binary16.
struct F16Block {
  static constexpr FormatId kId = FormatId::kF16;
  static constexpr std::string_view kName = "f16";
  static constexpr std::uint32_t kElements = 1;
  static constexpr PanelFormat kPanel = PanelFormat::kF16;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t bits;
};

/// The upper half of a binary32.
struct Bf16Block {
  static constexpr FormatId kId = FormatId::kBF16;
  static constexpr std::string_view kName = "bf16";
  static constexpr std::uint32_t kElements = 1;
  static constexpr PanelFormat kPanel = PanelFormat::kBF16;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void encode(const float* values, std::size_t blocks, std::byte* encoded) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint16_t bits;
};

}  // namespace sirocco
