#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sirocco/formats/safetensors.hpp"

namespace sirocco {

/// PackedMxFp4 are rows in MXFP4 out of two tensors of bytes, as folders hold them: blocks [.., N,
/// K / 32, 16], of which byte i holds elements 2i and 2i + 1, the first in its lower four bits, and
/// scales [.., N, K / 32]. Made as they are read; the bits of elements and scales stay what they
/// are.
class PackedMxFp4 final : public MadeRows {
 public:
  /// Throws FormatError when the two don't fit one another.
  PackedMxFp4(const SafetensorsEntry& blocks, const SafetensorsEntry& scales,
              std::string_view origin);

  void read(std::int64_t row, std::int64_t column, std::int64_t count,
            std::byte* out) const noexcept override;

 private:
  std::span<const std::byte> blocks_;
  std::span<const std::byte> scales_;
  std::int64_t blocks_a_row_ = 0;
};

}  // namespace sirocco
