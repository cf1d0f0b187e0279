#include "sirocco/text/unicode/char_class.hpp"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>

#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/later_characters.hpp"

namespace sirocco {
namespace {

constexpr std::uint8_t kUnicode8 = 8;
constexpr std::uint8_t kUnicode9 = 9;

bool in_category(char32_t c, std::uint32_t mask) noexcept {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0;
}

bool known_to(char32_t c, std::uint8_t version) noexcept {
  UVersionInfo age{};
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && age[0] <= version;
}

// `moved` lists characters that joined or left the category since.
bool was_in_category(char32_t c, std::uint32_t mask, std::uint8_t version,
                     std::initializer_list<char32_t> moved) noexcept {
  const bool now = in_category(c, mask) && known_to(c, version);
  return now != (std::find(moved.begin(), moved.end(), c) != moved.end());
}

struct Range {
  char32_t first;
  char32_t last;
};

// The last ranges but one begins at U+2B920 in the reference, too.
constexpr std::array kIdeographs = {
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xF900, 0xFAFF},
    Range{0x20000, 0x2A6DF}, Range{0x2A700, 0x2B73F}, Range{0x2B740, 0x2B81F},
    Range{0x2B920, 0x2CEAF}, Range{0x2F800, 0x2FA1F},
};

// Capitals that came after ICU 72's Unicode 15, and how far off their small letters are.
struct LaterCapitals {
  char32_t first;
  char32_t last;
  std::int32_t to_small;
};
constexpr std::array kLaterCapitals = {
    LaterCapitals{0x1C89, 0x1C89, 1},      LaterCapitals{0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    LaterCapitals{0xA7CC, 0xA7CC, 1},      LaterCapitals{0xA7CE, 0xA7CE, 1},
    LaterCapitals{0xA7D2, 0xA7D2, 1},      LaterCapitals{0xA7D4, 0xA7D4, 1},
    LaterCapitals{0xA7DA, 0xA7DA, 1},      LaterCapitals{0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    LaterCapitals{0x10D50, 0x10D65, 0x20}, LaterCapitals{0x16EA0, 0x16EB8, 0x1B},
};

}  // namespace

bool is_white_space(char32_t c) noexcept {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_word_character(char32_t c) noexcept {
  if (c < 0x80) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  }
  c = stand_in(c);
  const auto code = static_cast<UChar32>(c);
  return u_isUAlphabetic(code) != 0 || in_category(c, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK) ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) != 0;
}

bool is_numeric(char32_t c) noexcept {
  // Numbers of Unicode 17.
  if ((c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6)) return true;
  return in_category(stand_in(c), U_GC_N_MASK);
}

bool is_punctuation(char32_t c) noexcept {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  }
  return was_in_category(c, U_GC_P_MASK, kUnicode8, {0x166D, 0x111C9});
}

bool is_bert_control(char32_t c) noexcept {
  if (c < 0x80) return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
  return was_in_category(c, U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK, kUnicode8, {});
}

bool is_nonspacing_mark(char32_t c) noexcept {
  return c >= 0x300 &&
         was_in_category(c, U_GC_MN_MASK, kUnicode8, {0x1734, 0x1885, 0x1886, 0xA9BD, 0x111C9});
}

bool is_mark(char32_t c) noexcept {
  return c >= 0x300 && was_in_category(c, U_GC_M_MASK, kUnicode9, {0x1CF2, 0x1CF3, 0x111C9});
}

bool is_bert_ideograph(char32_t c) noexcept {
  return std::any_of(kIdeographs.begin(), kIdeographs.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

void append_lower(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
    return;
  }
  constexpr char32_t kCapitalIWithDot = 0x130;
  if (c == kCapitalIWithDot) {
    out.append("i\u0307");
    return;
  }
  const auto code = static_cast<UChar32>(c);
  for (const LaterCapitals& row : kLaterCapitals) {
    if (c >= row.first && c <= row.last)
      return append_utf8(out, static_cast<char32_t>(code + row.to_small));
  }
  append_utf8(out, static_cast<char32_t>(u_tolower(code)));
}

}  // namespace sirocco
