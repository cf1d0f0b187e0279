#include "sirocco/server/json/writer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "sirocco/base/utf8.hpp"

namespace sirocco::json {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// The letter of the short escape of a control character; 0 without one.
char short_escape(unsigned char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '"':
    case '\\':
      return static_cast<char>(c);
    default:
      return 0;
  }
}

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\';
}

template <class T>
std::string_view digits(T value, std::array<char, 32>& buffer) {
  const auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

}  // namespace

void Writer::separate() {
  if (!separated_) out_ += ',';
  separated_ = false;
}

Writer& Writer::open(char bracket) {
  separate();
  out_ += bracket;
  separated_ = true;
  return *this;
}

Writer& Writer::close(char bracket) {
  out_ += bracket;
  separated_ = false;
  return *this;
}

Writer& Writer::raw(std::string_view token) {
  separate();
  out_ += token;
  return *this;
}

Writer& Writer::name(std::string_view name) {
  text(name);
  out_ += ':';
  separated_ = true;
  return *this;
}

Writer& Writer::text(std::string_view bytes) {
  separate();
  append_quoted(bytes);
  return *this;
}

void Writer::append_quoted(std::string_view bytes) {
  out_ += '"';
  std::size_t i = 0;
  while (i < bytes.size()) {
    std::size_t end = i;
    while (end < bytes.size() && is_plain(bytes[end])) ++end;
    out_ += bytes.substr(i, end - i);
    i = end;
    if (i == bytes.size()) break;

    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte >= 0x80) {
      const Utf8Unit unit = decode_utf8(bytes, i);
      append_utf8(out_, unit.value);
      i += unit.size;
      continue;
    }
    ++i;
    out_ += '\\';
    if (const char letter = short_escape(byte)) {
      out_ += letter;
    } else {
      out_ += "u00";
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    }
  }
  out_ += '"';
}

Writer& Writer::number(std::int64_t value) {
  std::array<char, 32> buffer;
  return raw(digits(value, buffer));
}

Writer& Writer::number(float value) {
  std::array<char, 32> buffer;
  return std::isfinite(value) ? raw(digits(value, buffer)) : null();
}

Writer& Writer::number(double value) {
  std::array<char, 32> buffer;
  return std::isfinite(value) ? raw(digits(value, buffer)) : null();
}

std::string Writer::take() {
  separated_ = true;
  return std::exchange(out_, {});
}

}  // namespace sirocco::json
