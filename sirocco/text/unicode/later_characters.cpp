#include "sirocco/text/unicode/later_characters.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

struct Row {
  char32_t first;
  char32_t last;
  char32_t stand_in;
};

constexpr Row kRows[] = {
#include "sirocco/text/unicode/later_characters_table.inc"
};

constexpr char32_t kLimit = 0x40000;
constexpr char32_t kBlock = 64;

// Which blocks of 64 code points hold any of the rows' characters: most text has none.
constexpr auto kBlocks = [] {
  std::array<bool, kLimit / kBlock> blocks{};
  for (const Row& row : kRows) {
    for (char32_t block = row.first / kBlock; block <= row.last / kBlock; ++block) {
      blocks[block] = true;
    }
  }
  return blocks;
}();

static_assert(std::prev(std::end(kRows))->last < kLimit);

}  // namespace

char32_t stand_in(char32_t c) noexcept {
  if (c >= kLimit || !kBlocks[c / kBlock]) return c;
  const Row* const row =
      std::upper_bound(std::begin(kRows), std::end(kRows), c,
                       [](char32_t value, const Row& r) { return value <= r.last; });
  return row != std::end(kRows) && row->first <= c ? row->stand_in : c;
}

std::string_view with_stand_ins(std::string_view text, std::string& storage) {
  constexpr unsigned char kFirstLead = 0xE0;
  static_assert(kRows[0].first >= 0x800);
  storage.clear();
  std::size_t done = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const auto byte = static_cast<unsigned char>(text[pos]);
    if (byte < kFirstLead) {
      ++pos;
      continue;
    }
    const Utf8Unit unit = decode_utf8(text, pos);
    const char32_t other = stand_in(unit.value);
    if (other != unit.value) {
      storage.append(text, done, pos - done);
      append_utf8(storage, other);
      done = pos + unit.size;
    }
    pos += unit.size;
  }
  return done == 0 ? text : std::string_view(storage.append(text, done));
}

}  // namespace sirocco
