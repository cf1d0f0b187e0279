#include "sirocco/base/base64.hpp"

#include <array>
#include <cstdint>

namespace sirocco {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xFF;
constexpr std::uint8_t kBlank = 0xFE;
constexpr std::uint8_t kPadding = 0xFD;

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  for (const char blank : {' ', '\t', '\n', '\f', '\r'})
    table[static_cast<unsigned char>(blank)] = kBlank;
  table['='] = kPadding;
  return table;
}
constexpr std::array<std::uint8_t, 256> kTable = make_table();

}  // namespace

std::optional<std::vector<std::byte>> base64_bytes(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    const std::uint8_t value = kTable[static_cast<unsigned char>(c)];
    if (value == kBlank) continue;
    if (value == kPadding) {
      ++padding;
      continue;
    }
    if (value == kNone || padding > 0) return std::nullopt;
    bits = (bits << 6U) | value;
    if (++digits % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U})
      bytes.push_back(static_cast<std::byte>((bits >> shift) & 0xFFU));
  }
  // One digit alone is less than a byte. Padding fills a group of four, or isn't there.
  const std::size_t rest = digits % 4;
  if (rest == 1 || (padding > 0 && (padding > 2 || (digits + padding) % 4 != 0)))
    return std::nullopt;
  if (rest == 2) bytes.push_back(static_cast<std::byte>((bits >> 4U) & 0xFFU));
  if (rest == 3) {
    bytes.push_back(static_cast<std::byte>((bits >> 10U) & 0xFFU));
    bytes.push_back(static_cast<std::byte>((bits >> 2U) & 0xFFU));
  }
  return bytes;
}

std::string base64_text(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0;
    };
    const std::uint32_t group = byte(0) << 16U | byte(1) << 8U | byte(2);
    out += kAlphabet[group >> 18U];
    out += kAlphabet[group >> 12U & 63U];
    out += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return out;
}

}  // namespace sirocco
