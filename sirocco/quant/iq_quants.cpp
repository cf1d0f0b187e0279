#include "sirocco/quant/iq_quants.hpp"

#include <cstddef>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::load;
using blocks::PanelRows;
using blocks::store;

static_assert(sizeof(Iq4NlBlock) == 18 && sizeof(Iq4XsBlock) == 136);

/// 32 elements out of 16 bytes of quants.
void decode_block(const std::uint8_t* qs, float scale, float* out) {
  for (std::size_t k = 0; k < 16; ++k) {
    out[k] = scale * static_cast<float>(kNl4Values[qs[k] & 0x0Fu]);
    out[k + 16] = scale * static_cast<float>(kNl4Values[qs[k] >> 4]);
  }
}

std::int8_t scale_of(const Iq4XsBlock& block, std::size_t b) {
  const int low = block.scales_low[b / 2] >> (4 * (b % 2)) & 0x0F;
  const int high = block.scales_high >> (2 * b) & 0x03;
  return static_cast<std::int8_t>((low | high << 4) - 32);
}

void decode_iq4_nl(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += Iq4NlBlock::kElements) {
    const auto block = load<Iq4NlBlock>(encoded + i * sizeof(Iq4NlBlock));
    decode_block(block.qs.data(), f16_to_f32(block.d), out);
  }
}

void pack_iq4_nl(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
                 std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Iq4NlBlock::kPanel);
  const PanelRows<Iq4NlBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / Iq4NlBlock::kElements;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.block_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      // Field by field: from a copy of the block, words would be read across what was written.
      const std::byte* const block = source.at(r, i);
      store(panel + 2 * r, load<std::uint16_t>(block + offsetof(Iq4NlBlock, d)));
      blocks::store_nibbles(panel + kTraits.block_header_bytes, r,
                            blocks::split_nibbles(block + offsetof(Iq4NlBlock, qs)));
    }
  }
}

void decode_iq4_xs(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto block = load<Iq4XsBlock>(encoded + i * sizeof(Iq4XsBlock));
    const float d = f16_to_f32(block.d);
    for (std::size_t b = 0; b < 8; ++b, out += kPanelBlock) {
      decode_block(block.qs.data() + 16 * b, d * static_cast<float>(scale_of(block, b)), out);
    }
  }
}

void pack_iq4_xs(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
                 std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Iq4XsBlock::kPanel);
  const PanelRows<Iq4XsBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / Iq4XsBlock::kElements;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Iq4XsBlock>(source.at(r, i));
      store(panel + 2 * r, block.d);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t b = 0; b < 8; ++b, to += kTraits.block_bytes()) {
        store(to + r, scale_of(block, b));
        blocks::store_nibbles(to + kTraits.block_header_bytes, r,
                              blocks::split_nibbles(block.qs.data() + 16 * b));
      }
    }
  }
}

constexpr std::array kRows = {
    row_of<Iq4NlBlock>("iq4_nl", decode_iq4_nl, nullptr, pack_iq4_nl),
    row_of<Iq4XsBlock>("iq4_xs", decode_iq4_xs, nullptr, pack_iq4_xs),
};

}  // namespace

std::span<const Format> iq_quants() { return kRows; }

}  // namespace sirocco
