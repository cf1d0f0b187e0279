#include "sirocco/jinja/unicode.hpp"

#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>

namespace sirocco::jinja {
namespace {

constexpr char32_t kSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;
constexpr char32_t kSmallSigma = 0x3C3;

bool is_cased(char32_t c) { return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED) != 0; }
bool is_case_ignorable(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASE_IGNORABLE) != 0;
}

/// A sigma is final after a cased letter and before none, letters that case ignores aside.
bool is_final_sigma(std::string_view bytes, std::size_t at) {
  std::size_t before = at;
  bool found = false;
  while (before > 0 && !found) {
    before = previous_boundary(bytes, before);
    const char32_t c = code_point_at(bytes, before);
    if (is_case_ignorable(c)) continue;
    if (!is_cased(c)) return false;
    found = true;
  }
  if (!found) return false;
  for (std::size_t after = at + utf8_width(bytes, at); after < bytes.size();
       after += utf8_width(bytes, after)) {
    const char32_t c = code_point_at(bytes, after);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

void append_lower(std::string& out, std::string_view bytes, std::size_t at) {
  const char32_t c = code_point_at(bytes, at);
  if (c == kSigma) {
    append_utf8(out, is_final_sigma(bytes, at) ? kFinalSigma : kSmallSigma);
  } else {
    append_case(out, c, Case::kLower);
  }
}

/// Applies `map(out, byte position)` to each character, each result with its source's origin.
template <class F>
Text map_characters(const Text& text, F map) {
  Text out;
  OriginCursor origins(text);
  std::string mapped;
  const std::string_view bytes = text.view();
  for (std::size_t at = 0; at < bytes.size(); at += utf8_width(bytes, at)) {
    mapped.clear();
    map(mapped, at);
    out.append(mapped, origins.at(at));
  }
  return out;
}

}  // namespace

char32_t code_point_at(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(bytes[at + i]));
  };
  switch (utf8_width(bytes, at)) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
             (byte(3) & 0x3F);
  }
}

std::size_t previous_boundary(std::string_view bytes, std::size_t at) {
  --at;
  while (at > 0 && (static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::size_t count_code_points(std::string_view bytes) {
  return static_cast<std::size_t>(std::count_if(bytes.begin(), bytes.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool is_alpha(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0; }
bool is_decimal(char32_t c) {
  return u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER;
}
bool is_digit(char32_t c) {
  const auto type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}
bool is_numeric(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}
bool is_lower(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_LOWERCASE) != 0;
}
bool is_upper(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_UPPERCASE) != 0;
}
bool is_title(char32_t c) { return u_charType(static_cast<UChar32>(c)) == U_TITLECASE_LETTER; }

bool is_printable(char32_t c) {
  if (c == U' ') return true;
  const auto hidden = U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK | U_GC_CO_MASK | U_GC_CN_MASK |
                      U_GC_ZL_MASK | U_GC_ZP_MASK | U_GC_ZS_MASK;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & hidden) == 0;
}

bool is_identifier(std::string_view name) {
  for (std::size_t at = 0; at < name.size(); at += utf8_width(name, at)) {
    const char32_t c = code_point_at(name, at);
    const auto property = at == 0 ? UCHAR_XID_START : UCHAR_XID_CONTINUE;
    if (c != U'_' && !u_hasBinaryProperty(static_cast<UChar32>(c), property)) return false;
  }
  return !name.empty();
}

bool all_cased(std::string_view bytes, bool upper) {
  bool any = false;
  for (std::size_t at = 0; at < bytes.size(); at += utf8_width(bytes, at)) {
    const char32_t c = code_point_at(bytes, at);
    if ((upper ? is_lower(c) : is_upper(c)) || is_title(c)) return false;
    any = any || (upper ? is_upper(c) : is_lower(c));
  }
  return any;
}

void append_case(std::string& out, char32_t c, Case to) {
  if (c < 0x80) {
    const bool lower = c >= U'a' && c <= U'z';
    const bool upper = c >= U'A' && c <= U'Z';
    const bool flip = to == Case::kLower || to == Case::kFold ? upper : lower;
    out.push_back(static_cast<char>(flip ? c ^ 0x20 : c));
    return;
  }
  std::array<UChar, 2> source{};
  int32_t length = 0;
  U16_APPEND_UNSAFE(source.data(), length, static_cast<UChar32>(c));
  std::array<UChar, 8> mapped{};
  constexpr auto kRoom = static_cast<int32_t>(mapped.size());
  UErrorCode status = U_ZERO_ERROR;
  int32_t size = 0;
  switch (to) {
    case Case::kUpper:
      size = u_strToUpper(mapped.data(), kRoom, source.data(), length, "", &status);
      break;
    case Case::kLower:
      size = u_strToLower(mapped.data(), kRoom, source.data(), length, "", &status);
      break;
    case Case::kTitle: {
      // The break iterator of u_strToTitle skips marks before the first letter: a mark alone has no
      // title case but its upper case.
      size = u_strToTitle(mapped.data(), kRoom, source.data(), length, nullptr, "", &status);
      break;
    }
    case Case::kFold:
      size =
          u_strFoldCase(mapped.data(), kRoom, source.data(), length, U_FOLD_CASE_DEFAULT, &status);
      break;
  }
  if (U_FAILURE(status) || size <= 0 || size > kRoom) {
    append_utf8(out, c);
    return;
  }
  for (int32_t i = 0; i < size;) {
    UChar32 next = 0;
    U16_NEXT_UNSAFE(mapped.data(), i, next);
    append_utf8(out, static_cast<char32_t>(next));
  }
}

Text to_upper(const Text& text) {
  return map_characters(text, [&](std::string& out, std::size_t at) {
    append_case(out, code_point_at(text.view(), at), Case::kUpper);
  });
}

Text to_lower(const Text& text) {
  return map_characters(
      text, [&](std::string& out, std::size_t at) { append_lower(out, text.view(), at); });
}

Text to_case_fold(const Text& text) {
  return map_characters(text, [&](std::string& out, std::size_t at) {
    append_case(out, code_point_at(text.view(), at), Case::kFold);
  });
}

Text capitalize(const Text& text) {
  return map_characters(text, [&](std::string& out, std::size_t at) {
    if (at == 0) {
      append_case(out, code_point_at(text.view(), at), Case::kTitle);
    } else {
      append_lower(out, text.view(), at);
    }
  });
}

Text to_title(const Text& text) {
  bool inside = false;
  return map_characters(text, [&](std::string& out, std::size_t at) {
    const char32_t c = code_point_at(text.view(), at);
    if (inside) {
      append_lower(out, text.view(), at);
    } else {
      append_case(out, c, Case::kTitle);
    }
    inside = is_cased(c);
  });
}

Text swap_case(const Text& text) {
  return map_characters(text, [&](std::string& out, std::size_t at) {
    const char32_t c = code_point_at(text.view(), at);
    if (is_upper(c)) {
      append_lower(out, text.view(), at);
    } else if (is_lower(c)) {
      append_case(out, c, Case::kUpper);
    } else {
      append_utf8(out, c);
    }
  });
}

char32_t character_named(std::string_view name) {
  UErrorCode status = U_ZERO_ERROR;
  const std::string terminated(name);
  const UChar32 c = u_charFromName(U_EXTENDED_CHAR_NAME, terminated.c_str(), &status);
  return U_FAILURE(status) ? 0 : static_cast<char32_t>(c);
}

}  // namespace sirocco::jinja
