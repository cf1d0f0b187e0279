#include "sirocco/quant/format.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/paths_testing.hpp"

namespace sirocco {

void PrintTo(const Format& format, std::ostream* out) { *out << format.name; }

namespace {

using Bytes = std::vector<std::byte>;
using Floats = std::vector<float>;

/// What tools/make_quant_golden.py recorded for one format.
struct Golden {
  Bytes encoded;
  Floats decoded;
  Floats values;
  Bytes made;
};

Golden read_golden(std::string_view name) {
  const std::filesystem::path path =
      source_path("tests/golden/quant/" + std::string(name) + ".bin");
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> raw((std::istreambuf_iterator<char>(file)), {});
  std::array<std::uint32_t, 4> sizes{};
  if (raw.size() < sizeof(sizes)) throw std::runtime_error("no fixture " + path.string());
  std::memcpy(sizes.data(), raw.data(), sizeof(sizes));
  Golden golden{Bytes(sizes[0]), Floats(sizes[1]), Floats(sizes[2]), Bytes(sizes[3])};
  const char* at = raw.data() + sizeof(sizes);
  const auto take = [&](void* to, std::size_t bytes) {
    if (bytes != 0) std::memcpy(to, at, bytes);
    at += bytes;
  };
  take(golden.encoded.data(), golden.encoded.size());
  take(golden.decoded.data(), 4 * golden.decoded.size());
  take(golden.values.data(), 4 * golden.values.size());
  take(golden.made.data(), golden.made.size());
  if (at != raw.data() + raw.size()) throw std::runtime_error("bad fixture " + path.string());
  return golden;
}

/// Equal bits; any NaN equals any NaN, whose payloads depend on the order of a product's operands.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

testing::AssertionResult same(const Floats& a, const Floats& b) {
  if (a.size() != b.size()) return testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) {
      return testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return testing::AssertionSuccess();
}

class EveryFormat : public testing::TestWithParam<Format> {};

INSTANTIATE_TEST_SUITE_P(Table, EveryFormat, testing::ValuesIn(formats().begin(), formats().end()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(EveryFormat, DecodesAsTheReference) {
  const Format& format = GetParam();
  const Golden golden = read_golden(format.name);
  const std::size_t blocks = golden.encoded.size() / format.block_bytes;
  ASSERT_EQ(blocks * format.block_elements, golden.decoded.size());
  // Blocks lie at any address in a file.
  Bytes shifted(golden.encoded.size() + 1);
  std::memcpy(shifted.data() + 1, golden.encoded.data(), golden.encoded.size());
  Floats out(golden.decoded.size());
  format.decode(shifted.data() + 1, blocks, out.data());
  EXPECT_TRUE(same(out, golden.decoded));
}

TEST_P(EveryFormat, EncodesAsTheReference) {
  const Format& format = GetParam();
  const Golden golden = read_golden(format.name);
  ASSERT_EQ(format.encode == nullptr, golden.values.empty());
  if (format.encode == nullptr) return;
  const std::size_t blocks = golden.values.size() / format.block_elements;
  ASSERT_EQ(blocks * format.block_bytes, golden.made.size());
  Bytes out(golden.made.size() + 1);
  format.encode(golden.values.data(), blocks, out.data() + 1);
  for (std::size_t i = 0; i < golden.made.size(); ++i) {
    ASSERT_EQ(out[i + 1], golden.made[i])
        << "byte " << i % format.block_bytes << " of block " << i / format.block_bytes;
  }
}

TEST_P(EveryFormat, EncodesWhatIsNotFiniteWithoutUndefinedConversions) {
  const Format& format = GetParam();
  if (format.encode == nullptr) return;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kMin = std::numeric_limits<float>::denorm_min();
  for (const float odd : {kInfinity, -kInfinity, std::nanf(""), kMax, -kMax, kMin}) {
    for (const float rest : {0.0f, 1.0f, -kMax, -kInfinity, kMin}) {
      Floats values(32, rest);
      values[7] = odd;
      Bytes encoded(values.size() / format.block_elements * format.block_bytes);
      format.encode(values.data(), values.size() / format.block_elements, encoded.data());
      Floats decoded(values.size());
      format.decode(encoded.data(), values.size() / format.block_elements, decoded.data());
      EXPECT_TRUE(!std::isnan(odd) || std::isnan(decoded[7]));
    }
  }
}

/// Random bytes as `rows` rows of `columns` elements, `gap` bytes between them.
Bytes random_rows(const Format& format, int rows, std::int64_t columns, std::size_t gap,
                  std::uint32_t seed) {
  std::mt19937 engine(seed);
  Bytes bytes(static_cast<std::size_t>(rows) * (row_bytes(format, columns) + gap));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine());
  return bytes;
}

TEST_P(EveryFormat, PanelsHoldWhatTheRowsHold) {
  const Format& format = GetParam();
  const bool ok = rc::check("decode_panel_row(pack(rows)) == decode(row)", [&] {
    const int rows = *rc::gen::inRange(1, kPanelRows + 1);
    const std::int64_t unit = std::max<std::int64_t>(format.block_elements, 1);
    const std::int64_t columns = unit * *rc::gen::inRange(1, unit == 1 ? 70 : 6);
    const auto gap = static_cast<std::size_t>(*rc::gen::inRange(0, 3));
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const Bytes file = random_rows(format, rows, columns, gap, seed);
    const std::size_t stride = row_bytes(format, columns) + gap;
    const std::size_t size = panel_bytes(format.panel, columns);
    Bytes panel(size + 1, std::byte{0xA5});
    format.pack(file.data(), stride, rows, columns, panel.data());
    RC_ASSERT(panel.back() == std::byte{0xA5});
    const auto n = static_cast<std::size_t>(columns);
    for (int r = 0; r < kPanelRows; ++r) {
      Floats expected(n, 0.0f);
      if (r < rows) {
        format.decode(file.data() + static_cast<std::size_t>(r) * stride, n / format.block_elements,
                      expected.data());
      }
      Floats found(n);
      decode_panel_row(format.panel, panel.data(), r, columns, found.data());
      for (std::size_t k = 0; k < n; ++k) {
        // A missing row is zero of either sign: 0 * (q - bias).
        const bool right = r < rows ? same(found[k], expected[k]) : found[k] == 0.0f;
        RC_ASSERT(right);
      }
      Floats first(n / 2);
      decode_panel_row(format.panel, panel.data(), r, columns / 2, first.data());
      for (std::size_t k = 0; k < first.size(); ++k) RC_ASSERT(same(first[k], found[k]));
    }
  });
  EXPECT_TRUE(ok);
}

TEST_P(EveryFormat, PanelsAreAtMostFivePercentLargerThanTheFile) {
  const Format& format = GetParam();
  const std::int64_t columns = 4096;
  const std::size_t file = kPanelRows * row_bytes(format, columns);
  EXPECT_LE(panel_bytes(format.panel, columns) * 100, file * 105);
}

TEST_P(EveryFormat, IsFoundByIdAndByName) {
  const Format& format = GetParam();
  ASSERT_NE(find_format(format.id), nullptr);
  EXPECT_EQ(find_format(format.id)->name, format.name);
  std::string upper(format.name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  ASSERT_NE(find_format(upper), nullptr);
  EXPECT_EQ(find_format(upper)->id, format.id);
}

TEST(Formats, TableIsConsistent) {
  std::set<std::string_view> names;
  EXPECT_EQ(std::ranges::adjacent_find(formats(), std::ranges::greater_equal(), &Format::id),
            formats().end());
  for (const Format& format : formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_NE(format.decode, nullptr);
    EXPECT_NE(format.pack, nullptr);
    const PanelTraits& panel = panel_traits(format.panel);
    EXPECT_EQ(format.block_elements, panel.is_float() ? 1 : 32 * panel.blocks_per_super);
  }
  EXPECT_EQ(find_format(static_cast<FormatId>(5)), nullptr);
  EXPECT_EQ(find_format("q4"), nullptr);
  EXPECT_EQ(find_format(""), nullptr);
}

/// The panel's bytes by the words of panel.hpp, for one block whose quants and scales are known.
TEST(Panel, LayoutIsWhatTheHeaderSays) {
  const Format& q4 = *find_format(FormatId::kQ4_1);
  Bytes rows(16 * 20);
  const auto quant = [](std::size_t r, std::size_t k) { return (r * 7 + k * 3) % 16; };
  for (std::size_t r = 0; r < 16; ++r) {
    std::byte* const block = rows.data() + 20 * r;
    block[0] = static_cast<std::byte>(r);
    block[2] = static_cast<std::byte>(100 + r);
    for (std::size_t k = 0; k < 16; ++k) {
      block[4 + k] = static_cast<std::byte>(quant(r, k) | quant(r, k + 16) << 4);
    }
  }
  Bytes panel(panel_bytes(PanelFormat::kU4ScaleMin, 32));
  ASSERT_EQ(panel.size(), 64 + 256u);
  q4.pack(rows.data(), 20, 16, 32, panel.data());
  for (std::size_t r = 0; r < 16; ++r) {
    EXPECT_EQ(panel[2 * r], static_cast<std::byte>(r));
    EXPECT_EQ(panel[32 + 2 * r], static_cast<std::byte>(100 + r));
    for (std::size_t k = 0; k < 32; ++k) {
      const std::size_t group = k / 4;
      const auto byte = std::to_integer<unsigned>(panel[64 + 64 * (group / 2) + 4 * r + k % 4]);
      EXPECT_EQ(group % 2 == 0 ? byte & 15u : byte >> 4, quant(r, k)) << r << ' ' << k;
    }
  }
}

/// A panel of 16 rows of one block, of zeros but for `byte` at `at` in row 3.
Bytes packed_byte(FormatId id, std::size_t at, unsigned byte) {
  const Format& format = *find_format(id);
  Bytes rows(std::size_t{16} * format.block_bytes);
  rows[std::size_t{3} * format.block_bytes + at] = static_cast<std::byte>(byte);
  Bytes panel(panel_bytes(format.panel, format.block_elements));
  format.pack(rows.data(), format.block_bytes, 16, format.block_elements, panel.data());
  return panel;
}

/// Zeros but for `byte` at `at`.
Bytes one_byte(std::size_t size, std::size_t at, unsigned byte) {
  Bytes bytes(size);
  bytes[at] = static_cast<std::byte>(byte);
  return bytes;
}

TEST(Panel, UpperBitsLieWhereTheHeaderSays) {
  // Only the upper bits of one quant are set, in row 3.
  for (std::size_t k = 0; k < 32; ++k) {
    const std::size_t place = 4 * 3 + k % 4;
    const std::size_t group = k / 4;
    EXPECT_EQ(packed_byte(FormatId::kQ5_0, 2 + k / 8, 1u << k % 8),
              one_byte(32 + 320, 32 + 256 + place, 1u << group))
        << k;
    for (std::size_t b = 0; b < 8; ++b) {
      const auto pair = 2u << 2 * (group % 4);
      EXPECT_EQ(packed_byte(FormatId::kQ6_K, 128 + 32 * (b / 4) + k, 2u << 2 * (b % 4)),
                one_byte(32 + 8 * 416, 32 + b * 416 + 32 + 256 + 64 * (k / 16) + place, pair))
          << k << ' ' << b;
      EXPECT_EQ(packed_byte(FormatId::kQ5_K, 16 + k, 1u << b),
                one_byte(64 + 8 * 352, 64 + b * 352 + 32 + 256 + place, 1u << group))
          << k << ' ' << b;
      EXPECT_EQ(packed_byte(FormatId::kQ2_K, 16 + 32 * (b / 4) + k, 2u << 2 * (b % 4)),
                one_byte(64 + 8 * 160, 64 + b * 160 + 32 + 64 * (k / 16) + place, pair))
          << k << ' ' << b;
      // The scales of zero bytes are -32 here.
      Bytes u3 = packed_byte(FormatId::kQ3_K, k, 1u << b);
      for (std::size_t block = 0; block < 8; ++block) {
        for (std::size_t i = 0; i < 32; ++i) {
          std::byte& scale = u3[32 + block * 224 + i];
          EXPECT_EQ(scale, std::byte{0xE0});
          scale = std::byte{0};
        }
      }
      EXPECT_EQ(u3, one_byte(32 + 8 * 224, 32 + b * 224 + 32 + 128 + place, 1u << group))
          << k << ' ' << b;
    }
  }
}

TEST(Panel, ScalesLieWhereTheHeaderSays) {
  for (std::size_t b = 0; b < 8; ++b) {
    const std::size_t u2 = 64 + b * 160;
    EXPECT_EQ(packed_byte(FormatId::kQ2_K, 2 * b + 1, 0x5A), one_byte(64 + 8 * 160, u2 + 19, 0x5A));
    EXPECT_EQ(packed_byte(FormatId::kQ5_K, 4 + b % 4, 0x2A),
              one_byte(64 + 8 * 352, 64 + b % 4 * 352 + 3, 0x2A));
    const Bytes nl4 = packed_byte(FormatId::kIQ4_XS, 4 + b / 2, 0x5u << 4 * (b % 2));
    EXPECT_EQ(nl4[32 + b * 272 + 3], std::byte{256 + 5 - 32});
  }
  EXPECT_EQ(packed_byte(FormatId::kQ2_K, 83, 7), one_byte(64 + 8 * 160, 32 + 7, 7));
  EXPECT_EQ(packed_byte(FormatId::kIQ4_NL, 1, 7), one_byte(32 + 256, 7, 7));
}

}  // namespace
}  // namespace sirocco
