#include "sirocco/quant/k_quants.hpp"

#include "sirocco/quant/block_io.hpp"
#include "sirocco/quant/float16.hpp"

namespace sirocco {
namespace {

using blocks::kLowNibbles;
using blocks::kLowPairs;
using blocks::kWordBytes;
using blocks::load;
using blocks::PanelRows;
using blocks::store;

constexpr std::size_t kWidth = 256;

static_assert(sizeof(Q4KBlock) == 144 && sizeof(Q6KBlock) == 210);

struct Q4KScales {
  std::array<std::uint8_t, 8> s;
  std::array<std::uint8_t, 8> t;
};

Q4KScales unpack_scales(const std::array<std::uint8_t, 12>& packed) {
  const auto a = load<std::uint32_t>(packed.data());
  const auto b = load<std::uint32_t>(packed.data() + 4);
  const auto c = load<std::uint32_t>(packed.data() + 8);
  constexpr std::uint32_t kSixBits = 0x3F3F3F3Fu;
  constexpr std::uint32_t kUpperPair = 0x30303030u;
  Q4KScales scales;
  store(scales.s.data(), a & kSixBits);
  store(scales.s.data() + 4, (c & kLowNibbles) | (a >> 2 & kUpperPair));
  store(scales.t.data(), b & kSixBits);
  store(scales.t.data() + 4, (c >> 4 & kLowNibbles) | (b >> 2 & kUpperPair));
  return scales;
}

}  // namespace

void Q4KBlock::decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, out += kWidth) {
    const auto block = load<Q4KBlock>(encoded + i * sizeof(Q4KBlock));
    const Q4KScales scales = unpack_scales(block.scales);
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (std::size_t b = 0; b < 8; ++b) {
      const float scale = d * static_cast<float>(scales.s[b]);
      const float offset = dmin * static_cast<float>(scales.t[b]);
      const std::uint8_t* const qs = block.qs.data() + 32 * (b / 2);
      const unsigned shift = 4 * (b % 2);
      for (std::size_t k = 0; k < 32; ++k) {
        out[32 * b + k] = scale * static_cast<float>((qs[k] >> shift) & 0x0F) - offset;
      }
    }
  }
}

void Q4KBlock::pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                    std::int64_t columns, std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(kPanel);
  const PanelRows<Q4KBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Q4KBlock>(source.at(r, i));
      const Q4KScales scales = unpack_scales(block.scales);
      store(panel + 2 * r, block.d);
      store(panel + 2 * kPanelRows + 2 * r, block.dmin);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t c = 0; c < 4; ++c) {
        auto words = load<std::array<std::uint32_t, 8>>(block.qs.data() + 32 * c);
        for (std::size_t half = 0; half < 2; ++half, to += kTraits.block_bytes()) {
          store(to + r, scales.s[2 * c + half]);
          store(to + kPanelRows + r, scales.t[2 * c + half]);
          std::array<std::uint32_t, 8> nibbles;
          for (std::size_t g = 0; g < 8; ++g) {
            nibbles[g] = words[g] & kLowNibbles;
            words[g] >>= 4;
          }
          blocks::store_nibbles(to + kTraits.block_header_bytes, r, nibbles);
        }
      }
    }
  }
}

void Q6KBlock::decode(const std::byte* encoded, std::size_t blocks, float* out) noexcept {
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

void Q6KBlock::pack(const std::byte* rows_begin, std::size_t row_bytes, int rows,
                    std::int64_t columns, std::byte* panel) noexcept {
  constexpr const PanelTraits& kTraits = panel_traits(kPanel);
  const PanelRows<Q6KBlock> source(rows_begin, row_bytes, rows);
  const auto count = static_cast<std::size_t>(columns) / kWidth;
  using Words = std::array<std::uint32_t, 8>;
  for (std::size_t i = 0; i < count; ++i, panel += kTraits.super_bytes()) {
    for (std::size_t r = 0; r < kPanelRows; ++r) {
      const auto block = load<Q6KBlock>(source.at(r, i));
      store(panel + 2 * r, block.d);
      std::byte* to = panel + kTraits.super_header_bytes;
      for (std::size_t b = 0; b < 8; ++b, to += kTraits.block_bytes()) {
        const std::size_t half = b / 4;
        const std::size_t quarter = b % 4;
        store(to + r, block.scales[2 * b]);
        store(to + kPanelRows + r, block.scales[2 * b + 1]);
        auto low = load<Words>(block.ql.data() + 64 * half + 32 * (quarter % 2));
        const auto high = load<Words>(block.qh.data() + 32 * half);
        for (std::uint32_t& word : low) word = word >> (4 * (quarter / 2)) & kLowNibbles;
        std::byte* const quants = to + kTraits.block_header_bytes;
        blocks::store_nibbles(quants, r, low);
        for (std::size_t w = 0; w < 2; ++w) {
          std::uint32_t pairs = 0;
          for (std::size_t g = 0; g < 4; ++g) {
            pairs |= (high[4 * w + g] >> (2 * quarter) & kLowPairs) << (2 * g);
          }
          store(quants + (4 + w) * kWordBytes + 4 * r, pairs);
        }
      }
    }
  }
}

}  // namespace sirocco
