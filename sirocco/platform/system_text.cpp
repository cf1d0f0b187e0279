#include "sirocco/platform/system_text.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "sirocco/base/checked.hpp"

namespace sirocco {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::optional<std::string> read_system_text(const std::filesystem::path& file, std::size_t limit) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  // These files tell no length beforehand.
  std::string text(limit, '\0');
  in.read(text.data(), static_cast<std::streamsize>(limit));
  if (in.bad()) return std::nullopt;
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<std::string_view> split_system_text(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t end = text.find(separator);
    const std::string_view piece = text.substr(0, end);
    if (!piece.empty() || separator != ' ') pieces.push_back(piece);
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> parse_system_number(std::string_view text) {
  text = trimmed(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<int> parse_system_list(std::string_view text) {
  constexpr std::uint64_t kLimit = 1 << 16;
  std::vector<bool> listed(kLimit);
  for (const std::string_view piece : split_system_text(text, ',')) {
    const std::size_t dash = piece.find('-');
    const auto first = parse_system_number(piece.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_system_number(piece.substr(dash + 1));
    if (!first || !last || *last >= kLimit) continue;
    for (std::uint64_t i = *first; i <= *last; ++i) listed[i] = true;
  }
  std::vector<int> numbers;
  for (std::size_t i = 0; i < kLimit; ++i) {
    if (listed[i]) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

std::optional<std::uint64_t> find_system_bytes(std::string_view text, std::string_view key) {
  for (const std::string_view line : split_system_text(text, '\n')) {
    // A node's lines begin with "Node 0 ".
    const std::vector<std::string_view> words = split_system_text(line, ' ');
    for (std::size_t i = 0; i + 2 < words.size(); ++i) {
      if (words[i].size() != key.size() + 1 || !words[i].starts_with(key) ||
          words[i].back() != ':' || trimmed(words[i + 2]) != "kB") {
        continue;
      }
      const auto kilobytes = parse_system_number(words[i + 1]);
      return kilobytes ? checked_mul<std::uint64_t>(*kilobytes, 1024) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace sirocco
