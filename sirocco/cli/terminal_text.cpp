#include "sirocco/cli/terminal_text.hpp"

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

bool steers(char32_t c) {
  if (c == '\n' || c == '\t') return false;
  return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

}  // namespace

std::string terminal_safe(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Unit unit = decode_utf8(text, i);
    if (unit.valid && !steers(unit.value)) out += text.substr(i, unit.size);
    i += unit.size;
  }
  return out;
}

}  // namespace sirocco
