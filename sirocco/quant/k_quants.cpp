#include "sirocco/quant/k_quants.hpp"

#include <cstddef>

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::kLowBits;
using blocks::kLowNibbles;
using blocks::kLowPairs;
using blocks::kWordBytes;
using blocks::load;
using blocks::PanelRows;
using blocks::store;
using blocks::take_bits;

constexpr std::size_t kWidth = 256;

static_assert(sizeof(Q2KBlock) == 84 && sizeof(Q3KBlock) == 110 && sizeof(Q4KBlock) == 144 &&
              sizeof(Q5KBlock) == 176 && sizeof(Q6KBlock) == 210);

/// The scales and minimums of q4_k and q5_k.
struct ScalesAndMins {
  std::array<std::uint8_t, 8> s;
  std::array<std::uint8_t, 8> t;
};

ScalesAndMins unpack_scales(const std::array<std::uint8_t, 12>& packed) {
  const auto a = load<std::uint32_t>(packed.data());
  const auto b = load<std::uint32_t>(packed.data() + 4);
  const auto c = load<std::uint32_t>(packed.data() + 8);
  constexpr std::uint32_t kSixBits = 0x3F3F3F3Fu;
  constexpr std::uint32_t kUpperPair = 0x30303030u;
  ScalesAndMins scales;
  store(scales.s.data(), a & kSixBits);
  store(scales.s.data() + 4, (c & kLowNibbles) | (a >> 2 & kUpperPair));
  store(scales.t.data(), b & kSixBits);
  store(scales.t.data() + 4, (c >> 4 & kLowNibbles) | (b >> 2 & kUpperPair));
  return scales;
}

std::array<std::int8_t, 16> unpack_scales(const Q3KBlock& block) {
  std::array<std::int8_t, 16> scales;
  for (std::size_t b = 0; b < 16; ++b) {
    const int low = block.scales[b % 8] >> (4 * (b / 8)) & 0x0F;
    const int high = block.scales[8 + b % 4] >> (2 * (b / 4)) & 0x03;
    scales[b] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
  return scales;
}

template <class Block>
constexpr bool kHasFifthBit = requires(const Block& block) { block.qh; };

/// q4_k and q5_k.
template <class Block>
void decode_with_mins(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<Block>(encoded + i * sizeof(Block));
    const ScalesAndMins scales = unpack_scales(block.scales);
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (std::size_t b = 0; b < 8; ++b) {
      const float scale = d * static_cast<float>(scales.s[b]);
      const float offset = dmin * static_cast<float>(scales.t[b]);
      const std::uint8_t* const qs = block.qs.data() + 32 * (b / 2);
      for (std::size_t k = 0; k < 32; ++k) {
        int q = qs[k] >> (4 * (b % 2)) & 0x0F;
        if constexpr (kHasFifthBit<Block>) q |= (block.qh[k] >> b & 1) << 4;
        out[32 * b + k] = scale * static_cast<float>(q) - offset;
      }
    }
  }
}

template <class Block>
void pack_with_mins(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                    std::int64_t columns, std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Block::kPanel);
  const PanelRows<Block> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Block>(source.at(r, i));
      const ScalesAndMins scales = unpack_scales(block.scales);
      store(panel + 2 * r, block.d);
      store(panel + 2 * kPanelRows + 2 * r, block.dmin);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t b = 0; b < 8; ++b, to += kTraits.block_bytes()) {
        store(to + r, scales.s[b]);
        store(to + kPanelRows + r, scales.t[b]);
        std::byte* const quants = to + kTraits.block_header_bytes;
        blocks::store_nibbles(quants, r,
                              take_bits(block.qs.data() + 32 * (b / 2), 4 * (b % 2), kLowNibbles));
        if constexpr (kHasFifthBit<Block>) {
          blocks::store_bits(quants + 4 * kWordBytes, r, take_bits(block.qh.data(), b, kLowBits));
        }
      }
    }
  }
}

void decode_q2_k(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<Q2KBlock>(encoded + i * sizeof(Q2KBlock));
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (std::size_t k = 0; k < kWidth; ++k) {
      const int both = block.scales[k / 16];
      const int q = block.qs[32 * (k / 128) + k % 32] >> (2 * (k / 32 % 4)) & 0x03;
      out[k] = d * static_cast<float>(both & 0x0F) * static_cast<float>(q) -
               dmin * static_cast<float>(both >> 4);
    }
  }
}

void pack_q2_k(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Q2KBlock::kPanel);
  const PanelRows<Q2KBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Q2KBlock>(source.at(r, i));
      store(panel + 2 * r, block.d);
      store(panel + 2 * kPanelRows + 2 * r, block.dmin);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t b = 0; b < 8; ++b, to += kTraits.block_bytes()) {
        store(to + r, block.scales[2 * b]);
        store(to + kPanelRows + r, block.scales[2 * b + 1]);
        blocks::store_pairs(to + kTraits.block_header_bytes, r,
                            take_bits(block.qs.data() + 32 * (b / 4), 2 * (b % 4), kLowPairs));
      }
    }
  }
}

void decode_q3_k(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<Q3KBlock>(encoded + i * sizeof(Q3KBlock));
    const auto scales = unpack_scales(block);
    const float d = f16_to_f32(block.d);
    for (std::size_t k = 0; k < kWidth; ++k) {
      const int low = block.qs[32 * (k / 128) + k % 32] >> (2 * (k / 32 % 4)) & 0x03;
      const int high = block.hmask[k % 32] >> (k / 32) & 1;
      out[k] = d * static_cast<float>(scales[k / 16]) * static_cast<float>((low | high << 2) - 4);
    }
  }
}

void pack_q3_k(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Q3KBlock::kPanel);
  const PanelRows<Q3KBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Q3KBlock>(source.at(r, i));
      const auto scales = unpack_scales(block);
      store(panel + 2 * r, block.d);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t b = 0; b < 8; ++b, to += kTraits.block_bytes()) {
        store(to + r, scales[2 * b]);
        store(to + kPanelRows + r, scales[2 * b + 1]);
        std::byte* const quants = to + kTraits.block_header_bytes;
        blocks::store_pairs(quants, r,
                            take_bits(block.qs.data() + 32 * (b / 4), 2 * (b % 4), kLowPairs));
        blocks::store_bits(quants + 2 * kWordBytes, r, take_bits(block.hmask.data(), b, kLowBits));
      }
    }
  }
}

void decode_q6_k(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<Q6KBlock>(encoded + i * sizeof(Q6KBlock));
    const float d = f16_to_f32(block.d);
    for (std::size_t b = 0; b < 8; ++b) {
      const std::size_t half = b / 4;
      const std::size_t quarter = b % 4;
      const std::uint8_t* const ql = block.ql.data() + 64 * half + 32 * (quarter % 2);
      const std::uint8_t* const qh = block.qh.data() + 32 * half;
      for (std::size_t k = 0; k < 32; ++k) {
        const float scale = d * static_cast<float>(block.scales[2 * b + k / 16]);
        const int low = (ql[k] >> (4 * (quarter / 2))) & 0x0F;
        const int high = (qh[k] >> (2 * quarter)) & 0x03;
        out[32 * b + k] = scale * static_cast<float>((low | high << 4) - 32);
      }
    }
  }
}

void pack_q6_k(const std::byte* rows_begin, std::size_t row_bytes, int rows, std::int64_t columns,
               std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(Q6KBlock::kPanel);
  const PanelRows<Q6KBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  // Two groups of four quants at a time.
  using Pairs = std::array<std::uint64_t, 4>;
  constexpr std::uint64_t kNibbles = std::uint64_t{kLowNibbles} << 32 | kLowNibbles;
  constexpr std::uint64_t kTopPairs = std::uint64_t{kLowPairs} << 32 | kLowPairs;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      // Field by field: from a copy of the block, words would be read across what was written.
      const std::byte* const block = source.at(r, i);
      store(panel + 2 * r, load<std::uint16_t>(block + offsetof(Q6KBlock, d)));
      const std::byte* scales = block + offsetof(Q6KBlock, scales);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t half = 0; half < 2; ++half) {
        const std::byte* const ql = block + offsetof(Q6KBlock, ql) + 64 * half;
        const auto high = load<Pairs>(block + offsetof(Q6KBlock, qh) + 32 * half);
        const auto pack_quarter = [&]<std::size_t kQuarter>() {
          const auto low = load<Pairs>(ql + 32 * (kQuarter % 2));
          to[r] = *scales++;
          to[kPanelRows + r] = *scales++;
          std::byte* const quants = to + kTraits.block_header_bytes + 4 * r;
          for (std::size_t w = 0; w < 4; ++w) {
            const std::uint64_t q = low[w] >> (4 * (kQuarter / 2)) & kNibbles;
            store(quants + w * kWordBytes, static_cast<std::uint32_t>(q | q >> 28));
          }
          for (std::size_t w = 0; w < 2; ++w) {
            const std::uint64_t q = (high[2 * w] >> (2 * kQuarter) & kTopPairs) |
                                    (high[2 * w + 1] >> (2 * kQuarter) & kTopPairs) << 4;
            store(quants + (4 + w) * kWordBytes, static_cast<std::uint32_t>(q | q >> 30));
          }
          to += kTraits.block_bytes();
        };
        pack_quarter.template operator()<0>();
        pack_quarter.template operator()<1>();
        pack_quarter.template operator()<2>();
        pack_quarter.template operator()<3>();
      }
    }
  }
}

constexpr std::array kRows = {
    row_of<Q2KBlock>("q2_k", decode_q2_k, nullptr, pack_q2_k),
    row_of<Q3KBlock>("q3_k", decode_q3_k, nullptr, pack_q3_k),
    row_of<Q4KBlock>("q4_k", decode_with_mins<Q4KBlock>, nullptr, pack_with_mins<Q4KBlock>),
    row_of<Q5KBlock>("q5_k", decode_with_mins<Q5KBlock>, nullptr, pack_with_mins<Q5KBlock>),
    row_of<Q6KBlock>("q6_k", decode_q6_k, nullptr, pack_q6_k),
};

}  // namespace

std::span<const Format> k_quants() { return kRows; }

}  // namespace sirocco
