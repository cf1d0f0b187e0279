#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/quant/block_format.hpp"

/// The plain floats: a block is one element, little-endian, as it is.
namespace sirocco {

struct F32Block : BlockOf<FormatId::kF32, PanelFormat::kF32> {
  std::uint32_t bits;
};

/// IEEE 754 binary16.
struct F16Block : BlockOf<FormatId::kF16, PanelFormat::kF16> {
  std::uint16_t bits;
};

/// The upper half of a binary32.
struct Bf16Block : BlockOf<FormatId::kBF16, PanelFormat::kBF16> {
  std::uint16_t bits;
};

/// float_formats are their rows in the table of formats.
std::span<const Format> float_formats();

}  // namespace sirocco
