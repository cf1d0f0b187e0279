#include "sirocco/text/unicode/normal_forms.hpp"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// utf8proc orders marks by insertion, quadratic in the length of a run of them; hence one code
// point at a time here, and a stable sort of each run.
std::vector<utf8proc_int32_t> decomposed(std::string_view text, bool compatibility) {
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Unit unit = decode_utf8(text, pos);
    pos += unit.size;
    std::array<utf8proc_int32_t, 32> parts{};
    int last_boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(unit.value), parts.data(),
                                parts.size(), options, &last_boundary);
    if (count > 0 && count <= static_cast<utf8proc_ssize_t>(parts.size())) {
      points.insert(points.end(), parts.begin(), parts.begin() + count);
    } else {
      points.push_back(static_cast<utf8proc_int32_t>(unit.value));
    }
  }
  for (auto begin = points.begin(); begin != points.end();) {
    begin = std::find_if(begin, points.end(), [](auto c) { return combining_class(c) != 0; });
    const auto end =
        std::find_if(begin, points.end(), [](auto c) { return combining_class(c) == 0; });
    std::stable_sort(begin, end,
                     [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  return points;
}

// What the reference's tables don't know stands between two texts.
bool is_later(char32_t c) {
  constexpr std::uint8_t kUnicode9 = 9;
  if (c < 0x300) return false;
  UVersionInfo age{};
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] > kUnicode9 || age[0] == 0;
}

void append_normalized(std::string& out, std::string_view text, UnicodeForm form) {
  const bool composed = form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc;
  const bool compatibility = form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd;
  std::vector<utf8proc_int32_t> points = decomposed(text, compatibility);
  if (composed) {
    const utf8proc_ssize_t count = utf8proc_normalize_utf32(
        points.data(), static_cast<utf8proc_ssize_t>(points.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    SIROCCO_CHECK(count >= 0);
    points.resize(static_cast<std::size_t>(count));
  }
  for (const utf8proc_int32_t point : points) append_utf8(out, static_cast<char32_t>(point));
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

bool surely_nfc(std::string_view text) noexcept {
  // 0xCC leads U+0300; everything below has a smaller lead byte, and continuation bytes are
  // smaller.
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0xCC; });
}

std::string normalized(std::string_view text, UnicodeForm form) {
  if (form == UnicodeForm::kNfc ? surely_nfc(text) : is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Unit unit = decode_utf8(text, pos);
    const std::size_t end = pos + unit.size;
    if (is_later(unit.value)) {
      append_normalized(out, text.substr(done, pos - done), form);
      out.append(text, pos, unit.size);
      done = end;
    }
    pos = end;
  }
  append_normalized(out, text.substr(done), form);
  return out;
}

std::string to_nfc(std::string_view text) { return normalized(text, UnicodeForm::kNfc); }

bool begins_normalization_unit(char32_t c) noexcept {
  if (c < 0x300) return true;
  const auto code = static_cast<UChar32>(c);
  UErrorCode status = U_ZERO_ERROR;
  // Compatibility maps further than canonical equivalence; its boundaries hold for both.
  const UNormalizer2* const nfkc = unorm2_getNFKCInstance(&status);
  return U_SUCCESS(status) && unorm2_hasBoundaryBefore(nfkc, code) != 0;
}

}  // namespace sirocco
