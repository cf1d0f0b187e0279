#include "sirocco/quant/mx_quants.hpp"

#include <cstddef>

#include "sirocco/quant/block_io.hpp"

namespace sirocco {
namespace {

using blocks::load;
using blocks::PanelRows;

constexpr std::size_t kWidth = 32;

static_assert(sizeof(MxFp4Block) == 17);

void decode_mxfp4(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<MxFp4Block>(encoded + i * sizeof(MxFp4Block));
    const float d = half_power_of_two(block.e);
    for (std::size_t k = 0; k < 16; ++k) {
      out[k] = d * static_cast<float>(kT4Values[block.qs[k] & 0x0Fu]);
      out[k + 16] = d * static_cast<float>(kT4Values[block.qs[k] >> 4]);
    }
  }
}

void pack_mxfp4(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
                std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(MxFp4Block::kPanel);
  const PanelRows<MxFp4Block> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.block_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      // Field by field: from a copy of the block, words would be read across what was written.
      const std::byte* const block = source.at(r, i);
      panel[r] = block[offsetof(MxFp4Block, e)];
      blocks::store_nibbles(panel + kTraits.block_header_bytes, r,
                            blocks::split_nibbles(block + offsetof(MxFp4Block, qs)));
    }
  }
}

constexpr std::array kRows = {
    row_of<MxFp4Block>("mxfp4", decode_mxfp4, nullptr, pack_mxfp4),
};

}  // namespace

std::span<const Format> mx_quants() { return kRows; }

}  // namespace sirocco
