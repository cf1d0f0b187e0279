#include "sirocco/cli/terminal/columns.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr char32_t kEmojiStyle = 0xFE0F;

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// ASCII that shows and takes a column.
bool is_plain(char c) { return c >= 0x20 && c < 0x7f; }

bool is_regional(char32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }

/// Where characters are wide by default, those of later Unicode versions too (UAX #11, chapter 5).
bool is_wide_block(char32_t c) {
  return (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

int columns_of_code_point(char32_t c) {
  const auto point = static_cast<utf8proc_int32_t>(c);
  if (utf8proc_category(point) == UTF8PROC_CATEGORY_CN && is_wide_block(c)) return 2;
  return utf8proc_charwidth(point);
}

}  // namespace

bool ClusterBoundaries::push(char32_t c) {
  const auto point = static_cast<std::int32_t>(c);
  const bool begins = before_ < 0 || utf8proc_grapheme_break_stateful(before_, point, &state_);
  before_ = point;
  return begins;
}

void ClusterColumns::push(char32_t c) {
  if (c == kEmojiStyle) {
    if (columns_ == 1) columns_ = 2;
  } else if (is_regional(c)) {
    columns_ = regional_ ? 2 : 1;
    regional_ = true;
  } else {
    columns_ = std::max(columns_, columns_of_code_point(c));
  }
}

Cluster cluster_at(std::string_view text, std::size_t pos) {
  // Between two ASCII characters there is always a boundary, but for a line break of two.
  if (is_plain(text[pos]) && (pos + 1 == text.size() || is_ascii(text[pos + 1]))) return {1, 1};
  ClusterBoundaries boundaries;
  ClusterColumns columns;
  std::size_t end = pos;
  while (end < text.size()) {
    const Utf8Unit unit = decode_utf8(text, end);
    if (boundaries.push(unit.value) && end > pos) break;
    columns.push(unit.value);
    end += unit.size;
  }
  return {end - pos, columns.columns()};
}

std::size_t cluster_before(std::string_view text, std::size_t pos) {
  std::size_t begin = pos - 1;
  while (begin > 0 && !(is_plain(text[begin]) && is_ascii(text[begin - 1]))) --begin;
  while (true) {
    const std::size_t next = begin + cluster_at(text, begin).size;
    if (next >= pos) return begin;
    begin = next;
  }
}

std::size_t columns_of(std::string_view text) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Cluster cluster = cluster_at(text, i);
    sum += static_cast<std::size_t>(cluster.columns);
    i += cluster.size;
  }
  return sum;
}

}  // namespace sirocco
