#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

constexpr bool between(unsigned char byte, unsigned low, unsigned high) {
  return byte >= low && byte <= high;
}

}  // namespace

Utf8Unit decode_utf8(std::string_view text, std::size_t pos) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[pos + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true, false};

  // Table 3-7 of the standard: the lead decides the length and the range of the second byte.
  std::uint8_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  char32_t value = 0;
  if (between(lead, 0xC2, 0xDF)) {
    length = 2;
    value = lead & 0x1FU;
  } else if (between(lead, 0xE0, 0xEF)) {
    length = 3;
    value = lead & 0x0FU;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (between(lead, 0xF0, 0xF4)) {
    length = 4;
    value = lead & 0x07U;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0xFFFD, 1, false, false};
  }
  for (std::uint8_t i = 1; i < length; ++i) {
    if (pos + i >= text.size()) return {0xFFFD, i, false, true};
    if (!between(byte(i), low, high)) return {0xFFFD, i, false, false};
    value = (value << 6U) | (byte(i) & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {value, length, true, false};
}

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t pos = 0;
  while (pos < text.size()) {
    if (static_cast<unsigned char>(text[pos]) < 0x80) {
      ++pos;
      continue;
    }
    const Utf8Unit unit = decode_utf8(text, pos);
    if (!unit.valid) break;
    pos += unit.size;
  }
  return pos;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0U | (code_point >> 6U));
    put(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000) {
    put(0xE0U | (code_point >> 12U));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  } else {
    put(0xF0U | (code_point >> 18U));
    put(0x80U | ((code_point >> 12U) & 0x3FU));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  }
}

void Utf8Assembler::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = held_;
    joined.append(bytes);
    held_.clear();
    bytes = joined;
  }
  std::size_t pos = 0;
  while (pos < bytes.size()) {
    const std::size_t good = valid_utf8_prefix(bytes.substr(pos));
    out.append(bytes, pos, good);
    pos += good;
    if (pos == bytes.size()) break;
    const Utf8Unit unit = decode_utf8(bytes, pos);
    if (unit.cut) {
      held_.assign(bytes.substr(pos));
      break;
    }
    out.append(kReplacement);
    pos += unit.size;
  }
}

void Utf8Assembler::finish(std::string& out) {
  if (!held_.empty()) out.append(kReplacement);
  held_.clear();
}

}  // namespace sirocco
