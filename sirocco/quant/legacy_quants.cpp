#include "sirocco/quant/legacy_quants.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::kWordBytes;
using blocks::load;
using blocks::PanelRows;
using blocks::store;

constexpr std::size_t kWidth = 32;

static_assert(sizeof(Q4_0Block) == 18 && sizeof(Q4_1Block) == 20 && sizeof(Q5_0Block) == 22 &&
              sizeof(Q5_1Block) == 24 && sizeof(Q8_0Block) == 34);

template <class Block>
constexpr bool kHasMin = requires(const Block& block) { block.m; };
template <class Block>
constexpr bool kHasFifthBit = requires(const Block& block) { block.qh; };

/// The unsigned quants of a block in the order of k.
template <class Block>
std::array<std::uint8_t, kWidth> unpack(const Block& block) {
  std::array<std::uint8_t, kWidth> q;
  for (std::size_t k = 0; k < 16; ++k) {
    q[k] = block.qs[k] & 0x0F;
    q[k + 16] = block.qs[k] >> 4;
  }
  if constexpr (kHasFifthBit<Block>) {
    const auto high = load<std::uint32_t>(block.qh.data());
    for (std::size_t k = 0; k < kWidth; ++k) {
      q[k] = static_cast<std::uint8_t>(q[k] | ((high >> k) & 1u) << 4);
    }
  }
  return q;
}

template <class Block>
void pack_quants(const std::array<std::uint8_t, kWidth>& q, Block& block) {
  for (std::size_t k = 0; k < 16; ++k) {
    block.qs[k] = static_cast<std::uint8_t>((q[k] & 0x0F) | q[k + 16] << 4);
  }
  if constexpr (kHasFifthBit<Block>) {
    std::uint32_t high = 0;
    for (std::size_t k = 0; k < kWidth; ++k) high |= static_cast<std::uint32_t>(q[k] >> 4) << k;
    store(block.qh.data(), high);
  }
}

template <class Block>
void decode_nibbles(const std::byte* encoded, std::size_t count, float* out) noexcept {
  constexpr int kBias = panel_traits(Block::kPanel).bias;
  for (std::size_t i = 0; i < count; ++i) {
    const auto block = load<Block>(encoded + i * sizeof(Block));
    const auto q = unpack(block);
    const float d = f16_to_f32(block.d);
    if constexpr (kHasMin<Block>) {
      const float m = f16_to_f32(block.m);
      for (std::size_t k = 0; k < kWidth; ++k) out[k] = d * static_cast<float>(q[k]) + m;
    } else {
      for (std::size_t k = 0; k < kWidth; ++k) out[k] = d * static_cast<float>(q[k] - kBias);
    }
    out += kWidth;
  }
}

/// What quants are multiplied with: 1 / d, or 0 where that isn't finite.
float reciprocal(float d) {
  const float inverse = 1.0f / d;
  return std::isinf(inverse) ? 0.0f : inverse;
}

/// `value` cut to an integer of 0 to `max_quant`; 0 for a NaN.
std::uint8_t cut(float value, float max_quant) {
  return value > 0.0f ? static_cast<std::uint8_t>(std::min(value, max_quant)) : std::uint8_t{0};
}

/// The element of largest magnitude; of several the first; a NaN counts as the largest.
float extreme(const float* values) {
  float found = values[0];
  for (std::size_t k = 1; k < kWidth; ++k) {
    const bool larger = std::abs(values[k]) > std::abs(found);
    if (!std::isnan(found) && (larger || std::isnan(values[k]))) found = values[k];
  }
  return found;
}

/// The signed kinds: the extreme element becomes quant 0, which is -bias, exactly.
template <class Block>
void encode_signed(const float* values, std::size_t count, std::byte* encoded) noexcept {
  constexpr int kBias = panel_traits(Block::kPanel).bias;
  for (std::size_t i = 0; i < count; ++i) {
    const float d = extreme(values) / static_cast<float>(-kBias);
    const float inverse = reciprocal(d);
    std::array<std::uint8_t, kWidth> q;
    for (std::size_t k = 0; k < kWidth; ++k) {
      q[k] = cut(values[k] * inverse + (static_cast<float>(kBias) + 0.5f), 2 * kBias - 1);
    }
    Block block{};
    block.d = f32_to_f16(d);
    pack_quants(q, block);
    store(encoded + i * sizeof(Block), block);
    values += kWidth;
  }
}

/// The kinds with a minimum: the range of the block in equal steps.
template <class Block>
void encode_range(const float* values, std::size_t count, std::byte* encoded) noexcept {
  constexpr float kMaxQuant = kHasFifthBit<Block> ? 31.0f : 15.0f;
  for (std::size_t i = 0; i < count; ++i) {
    float low = values[0];
    float high = values[0];
    for (std::size_t k = 1; k < kWidth; ++k) {
      if (values[k] < low || std::isnan(values[k])) low = values[k];
      if (values[k] > high || std::isnan(values[k])) high = values[k];
    }
    const float d = (high - low) / kMaxQuant;
    const float inverse = reciprocal(d);
    std::array<std::uint8_t, kWidth> q;
    for (std::size_t k = 0; k < kWidth; ++k) {
      q[k] = cut((values[k] - low) * inverse + 0.5f, kMaxQuant);
    }
    Block block{};
    block.d = f32_to_f16(d);
    block.m = f32_to_f16(low);
    pack_quants(q, block);
    store(encoded + i * sizeof(Block), block);
    values += kWidth;
  }
}

/// Of a byte, bit 4h + b as bit 8b + h.
constexpr auto kSpreadNibbles = [] {
  std::array<std::uint32_t, 256> spread{};
  for (unsigned byte = 0; byte < 256; ++byte)
    for (unsigned b = 0; b < 4; ++b)
      spread[byte] |= ((byte >> b & 1u) | (byte >> (4 + b) & 1u) << 1) << (8 * b);
  return spread;
}();

/// Bit 4g + b of `bits` becomes bit 8b + g: the fifth bits of one row, from the order of k to a
/// byte for each place within the groups.
constexpr std::uint32_t transpose_fifth_bits(std::uint32_t bits) {
  return kSpreadNibbles[bits & 0xFF] | kSpreadNibbles[bits >> 8 & 0xFF] << 2 |
         kSpreadNibbles[bits >> 16 & 0xFF] << 4 | kSpreadNibbles[bits >> 24] << 6;
}
static_assert(transpose_fifth_bits(0x00000001u) == 0x00000001u);
static_assert(transpose_fifth_bits(0x80000010u) == 0x80000002u);

template <class Block>
void pack_nibbles(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                  std::int64_t columns, std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Block::kPanel);
  constexpr std::size_t kMinOffset = 2 * kPanelRows;
  constexpr std::size_t kFifthBitsOffset = kTraits.block_header_bytes + 4 * kWordBytes;
  const PanelRows<Block> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.block_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      // Field by field: from a copy of the block, words would be read across what was written.
      const std::byte* const block = source.at(r, i);
      store(panel + 2 * r, load<std::uint16_t>(block + offsetof(Block, d)));
      if constexpr (kHasMin<Block>)
        store(panel + kMinOffset + 2 * r, load<std::uint16_t>(block + offsetof(Block, m)));
      blocks::store_nibbles(panel + kTraits.block_header_bytes, r,
                            blocks::split_nibbles(reinterpret_cast<const std::uint8_t*>(block) +
                                                  offsetof(Block, qs)));
      if constexpr (kHasFifthBit<Block>) {
        store(panel + kFifthBitsOffset + 4 * r,
              transpose_fifth_bits(load<std::uint32_t>(block + offsetof(Block, qh))));
      }
    }
  }
}

void decode_q8_0(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto block = load<Q8_0Block>(encoded + i * sizeof(Q8_0Block));
    const float d = f16_to_f32(block.d);
    for (std::size_t k = 0; k < kWidth; ++k) out[k] = d * static_cast<float>(block.qs[k]);
    out += kWidth;
  }
}

void encode_q8_0(const float* values, std::size_t blocks, std::byte* encoded) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    const float d = std::abs(extreme(values)) / 127.0f;
    const float inverse = reciprocal(d);
    Q8_0Block block{};
    block.d = f32_to_f16(d);
    for (std::size_t k = 0; k < kWidth; ++k) {
      const float rounded = std::round(values[k] * inverse);
      block.qs[k] = std::isnan(rounded) ? std::int8_t{0} : static_cast<std::int8_t>(rounded);
    }
    store(encoded + i * sizeof(Q8_0Block), block);
    values += kWidth;
  }
}

void pack_q8_0(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Q8_0Block::kPanel);
  constexpr std::uint32_t kBias = 0x80808080u;  // adds 128 to each byte, whatever its sign
  const PanelRows<Q8_0Block> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.block_bytes()) {
    std::byte* const quants = panel + kTraits.block_header_bytes;
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const std::byte* const block = source.at(r, i);
      store(panel + 2 * r, load<std::uint16_t>(block + offsetof(Q8_0Block, d)));
      const auto words = load<std::array<std::uint32_t, 8>>(block + offsetof(Q8_0Block, qs));
      for (std::size_t g = 0; g < 8; ++g) {
        store(quants + g * kWordBytes + 4 * r, words[g] ^ kBias);
      }
    }
  }
}

constexpr std::array kRows = {
    row_of<Q4_0Block>("q4_0", decode_nibbles<Q4_0Block>, encode_signed<Q4_0Block>,
                      pack_nibbles<Q4_0Block>),
    row_of<Q4_1Block>("q4_1", decode_nibbles<Q4_1Block>, encode_range<Q4_1Block>,
                      pack_nibbles<Q4_1Block>),
    row_of<Q5_0Block>("q5_0", decode_nibbles<Q5_0Block>, encode_signed<Q5_0Block>,
                      pack_nibbles<Q5_0Block>),
    row_of<Q5_1Block>("q5_1", decode_nibbles<Q5_1Block>, encode_range<Q5_1Block>,
                      pack_nibbles<Q5_1Block>),
    row_of<Q8_0Block>("q8_0", decode_q8_0, encode_q8_0, pack_q8_0),
};

}  // namespace

std::span<const Format> legacy_quants() { return kRows; }

}  // namespace sirocco
