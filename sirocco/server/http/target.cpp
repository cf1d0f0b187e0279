#include "sirocco/server/http/target.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/utf8.hpp"

namespace sirocco::http {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// Whether it can stand in a message or a log as it is.
bool is_plain_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Unit unit = decode_utf8(text, i);
    const bool control = unit.value < 0x20 || (unit.value >= 0x7F && unit.value < 0xA0);
    if (!unit.valid || control) return false;
    i += unit.size;
  }
  return true;
}

std::optional<std::string> decoded_text(std::string_view text) {
  std::optional<std::string> decoded = percent_decoded(text);
  if (decoded && !is_plain_text(*decoded)) return std::nullopt;
  return decoded;
}

/// Calls `part` for each piece between separators; false when it did, at the first such piece.
template <class Part>
bool for_each_part(std::string_view text, char separator, Part part) {
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (!part(text.substr(0, end))) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool parse_query(std::string_view text, Parameters& query) {
  return for_each_part(text, '&', [&](std::string_view pair) {
    if (pair.empty()) return true;
    // In queries, and only there, forms write a space as +.
    std::string spaced(pair);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    const std::string_view view = spaced;
    const std::size_t equals = std::min(view.find('='), view.size());
    std::optional<std::string> name = decoded_text(view.substr(0, equals));
    std::optional<std::string> value = decoded_text(view.substr(std::min(equals + 1, view.size())));
    if (!name || !value) return false;
    query.emplace_back(std::move(*name), std::move(*value));
    return true;
  });
}

/// Takes "http://authority" away from the beginning of an absolute URL; nothing if it has none.
std::optional<std::string_view> take_authority(std::string_view& text) {
  constexpr std::array<std::string_view, 2> kSchemes = {"http://", "https://"};
  for (const std::string_view scheme : kSchemes) {
    if (!equal_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    text.remove_prefix(scheme.size());
    const std::string_view authority = text.substr(0, text.find_first_of("/?"));
    // Users and passwords have no place in what is sent to a server.
    if (authority.empty() || authority.find('@') != authority.npos) return std::nullopt;
    text.remove_prefix(authority.size());
    return authority;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const std::optional<unsigned> high = hex_digit(text[i + 1]);
    const std::optional<unsigned> low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

std::optional<Target> parse_target(std::string_view text) {
  Target target;
  if (text == "*") {
    target.raw_path = target.path = "*";
    return target;
  }
  bool absolute = false;
  if (!text.starts_with('/')) {
    const std::optional<std::string_view> authority = take_authority(text);
    if (!authority) return std::nullopt;
    target.authority = *authority;
    absolute = true;
  }
  // A fragment never leaves a client.
  if (text.find('#') != text.npos) return std::nullopt;
  const std::size_t end = std::min(text.find('?'), text.size());
  target.raw_path = text.substr(0, end);
  if (absolute && target.raw_path.empty()) target.raw_path = "/";
  if (end < text.size() && !parse_query(text.substr(end + 1), target.query)) return std::nullopt;

  std::optional<std::string> path = decoded_text(target.raw_path);
  if (!path) return std::nullopt;
  target.path = std::move(*path);
  for_each_part(std::string_view(target.raw_path).substr(1), '/', [&](std::string_view segment) {
    target.segments.push_back(*percent_decoded(segment));
    return true;
  });
  return target;
}

}  // namespace sirocco::http
