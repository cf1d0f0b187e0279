#include "sirocco/formats/packed_mxfp4.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "sirocco/base/error.hpp"
#include "sirocco/quant/mx_quants.hpp"

namespace sirocco {
namespace {

constexpr std::int64_t kHalf = MxFp4Block::kElements / 2;

}  // namespace

PackedMxFp4::PackedMxFp4(const SafetensorsEntry& blocks, const SafetensorsEntry& scales,
                         std::string_view origin)
    : blocks_(blocks.bytes), scales_(scales.bytes) {
  const bool fits =
      blocks.shape.size() >= 3 && blocks.shape.back() == kHalf && scales.dtype == "U8" &&
      scales.shape.size() + 1 == blocks.shape.size() &&
      std::ranges::equal(scales.shape, std::span(blocks.shape).first(scales.shape.size()));
  if (!fits) {
    throw FormatError(
        "{}: blocks {} of shape [{}] and scales {} ({}) of shape [{}] don't fit one another; "
        "expected bytes, {} a block and one a scale",
        origin, sirocco::quoted(blocks.name), fmt::join(blocks.shape, ", "),
        sirocco::quoted(scales.name), scales.dtype, fmt::join(scales.shape, ", "), kHalf);
  }
  blocks_a_row_ = scales.shape.back();
}

void PackedMxFp4::read(std::int64_t row, std::int64_t column, std::int64_t count,
                       std::byte* out) const noexcept {
  constexpr std::int64_t kWidth = MxFp4Block::kElements;
  const std::int64_t first = row * blocks_a_row_ + column / kWidth;
  for (std::int64_t i = 0; i < count / kWidth; ++i) {
    const std::byte* const stored = blocks_.data() + (first + i) * kHalf;
    MxFp4Block block;
    block.e = std::to_integer<std::uint8_t>(scales_[static_cast<std::size_t>(first + i)]);
    const auto element = [&](std::size_t k) {
      return std::to_integer<unsigned>(stored[k / 2]) >> 4 * (k % 2) & 15u;
    };
    for (std::size_t k = 0; k < block.qs.size(); ++k)
      block.qs[k] = static_cast<std::uint8_t>(element(k) | element(k + block.qs.size()) << 4);
    std::memcpy(out + i * static_cast<std::int64_t>(sizeof block), &block, sizeof block);
  }
}

}  // namespace sirocco
