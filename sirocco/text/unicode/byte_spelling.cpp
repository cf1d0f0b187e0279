#include "sirocco/text/unicode/byte_spelling.hpp"

#include <array>
#include <cstdint>

#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kSpellings = 256 + 68;

struct Alphabet {
  std::array<char32_t, 256> spelling{};
  std::array<std::int16_t, kSpellings> byte{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte) byte = -1;
  char32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    const char32_t spelling = printable ? byte : next++;
    alphabet.spelling[byte] = spelling;
    alphabet.byte[spelling] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();
static_assert(kAlphabet.spelling[' '] == 0x120 && kAlphabet.spelling['\n'] == 0x10A);

}  // namespace

void append_byte_spelling(std::string& out, unsigned char byte) {
  append_utf8(out, kAlphabet.spelling[byte]);
}

std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  std::string bytes;
  for (std::size_t pos = 0; pos < spelling.size();) {
    const Utf8Unit unit = decode_utf8(spelling, pos);
    if (!unit.valid || unit.value >= kSpellings || kAlphabet.byte[unit.value] < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(kAlphabet.byte[unit.value]));
    pos += unit.size;
  }
  return bytes;
}

std::optional<unsigned char> byte_of_hex_spelling(std::string_view text) noexcept {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(3, 2)) {
    value <<= 4U;
    if (c >= '0' && c <= '9') {
      value += static_cast<unsigned>(c - '0');
    } else if (c >= 'A' && c <= 'F') {
      value += static_cast<unsigned>(c - 'A' + 10);
    } else if (c >= 'a' && c <= 'f') {
      value += static_cast<unsigned>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return static_cast<unsigned char>(value);
}

}  // namespace sirocco
