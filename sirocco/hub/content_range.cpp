#include "sirocco/hub/content_range.hpp"

#include <charconv>
#include <string_view>

namespace sirocco {
namespace {

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return value;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

}  // namespace

std::optional<ContentRange> content_range(const HttpHead& head) {
  const std::string* const value = head.find("Content-Range");
  std::string_view text = value == nullptr ? std::string_view() : *value;
  if (!take_text(text, "bytes ")) return std::nullopt;
  const auto first = take_number(text);
  if (!first || !take_text(text, "-")) return std::nullopt;
  const auto last = take_number(text);
  if (!last || *last < *first || !take_text(text, "/")) return std::nullopt;
  ContentRange out{*first, *last, std::nullopt};
  if (text == "*") return out;
  out.total = take_number(text);
  if (!out.total || !text.empty() || *out.total <= out.last) return std::nullopt;
  return out;
}

std::optional<std::uint64_t> content_length(const HttpHead& head) {
  const std::string* const value = head.find("Content-Length");
  std::string_view text = value == nullptr ? std::string_view() : *value;
  const auto length = take_number(text);
  return text.empty() ? length : std::nullopt;
}

}  // namespace sirocco
