#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sirocco/quant/format.hpp"

/// Microscaling formats (Open Compute Project, OCP Microscaling Formats v1.0): blocks of small
/// floats under one power of two. Decoded only.
namespace sirocco {

/// 17 bytes. An element of a block is `2^(e - 128) * v`, where v is twice a float of two exponent
/// bits and one fraction bit, by its four bits: 0, 1, 2, 3, 4, 6, 8, 12 and the same with a minus.
/// The bits of elements k and k + 16 are the lower and the upper nibble of `qs[k]`.
/// (https://github.com/ggml-org/ggml, `block_mxfp4`)
struct MxFp4Block {
  static constexpr FormatId kId = FormatId::kMXFP4;
  static constexpr std::string_view kName = "mxfp4";
  static constexpr std::uint32_t kElements = 32;
  static constexpr PanelFormat kPanel = PanelFormat::kT4Scale;
  static void decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept;
  static void pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                   std::int64_t columns, std::byte* panel) noexcept;

  std::uint8_t e;
  std::array<std::uint8_t, 16> qs;
};

}  // namespace sirocco
