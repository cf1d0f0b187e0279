#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/quant/block_format.hpp"

/// Microscaling formats (Open Compute Project, OCP Microscaling Formats v1.0): blocks of small
/// floats under one power of two. Decoded only.
namespace sirocco {

/// 17 bytes. An element of a block is `2^(e - 128) * v`, where v is twice a float of two exponent
/// bits and one fraction bit, by its four bits: 0, 1, 2, 3, 4, 6, 8, 12 and the same with a minus.
/// The bits of elements k and k + 16 are the lower and the upper nibble of `qs[k]`.
/// (https://github.com/ggml-org/ggml, `block_mxfp4`)
struct MxFp4Block : BlockOf<FormatId::kMXFP4, PanelFormat::kT4Scale> {
  std::uint8_t e;
  std::array<std::uint8_t, 16> qs;
};

/// mx_quants are their rows in the table of formats.
std::span<const Format> mx_quants();

}  // namespace sirocco
