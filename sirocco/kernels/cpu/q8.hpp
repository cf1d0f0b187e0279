#pragma once

#include <cstddef>
#include <cstdint>

#include "sirocco/quant/panel.hpp"

namespace sirocco {

/// Quantized activations of one token: blocks of 32 along K, the last one filled up with zeros. The
/// integer sums stand beside the quants because weight quants are unsigned: a weight's bias costs
/// one start value of an accumulator, a block's minimum one product.
struct Q8Block {
  std::int8_t quants[kPanelBlock];
  float scale;
  float scaled_sum;           ///< scale · float(sum of the quants), rounded once
  std::int32_t minus_8_sum;   ///< -8 · sum of the quants
  std::int16_t half_sums[2];  ///< of the quants k < 16 and k >= 16
};
static_assert(sizeof(Q8Block) == 48);

/// The second digit of block number `block` of a row: `rest` is the block that rounds, by the same
/// rule, x - scale · quant of its values, the product not rounded before the difference.
struct FineBlock {
  Q8Block rest;
  std::int32_t block;
};
static_assert(sizeof(FineBlock) == 52);

constexpr std::int64_t q8_blocks(std::int64_t columns) {
  return (columns + kPanelBlock - 1) / kPanelBlock;
}

constexpr std::size_t q8_bytes(std::int64_t columns) {
  return static_cast<std::size_t>(q8_blocks(columns)) * sizeof(Q8Block);
}

}  // namespace sirocco
