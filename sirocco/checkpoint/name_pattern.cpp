#include "sirocco/checkpoint/name_pattern.hpp"

#include <algorithm>
#include <charconv>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kMarks = "#@";

}  // namespace

NamePattern pattern_of(std::string_view name, std::size_t marks) {
  SIROCCO_CHECK(marks <= kMarks.size());
  NamePattern out;
  while (true) {
    const std::size_t end = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, end);
    std::int32_t number = 0;
    const auto [rest, status] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool is_number = status == std::errc() && rest == part.data() + part.size() &&
                           number >= 0 && std::to_string(number) == part;
    if (is_number && out.numbers.size() < marks) {
      out.text += kMarks[out.numbers.size()];
      out.numbers.push_back(number);
    } else {
      // A mark in the file's own name is none.
      if (part.size() == 1 && kMarks.find(part) != std::string_view::npos) out.text += part;
      out.text += part;
    }
    if (end == name.size()) return out;
    out.text += '.';
    name.remove_prefix(end + 1);
  }
}

std::string with_numbers(std::string_view pattern, const std::vector<std::int32_t>& numbers) {
  std::string out;
  for (const char c : pattern) {
    const std::size_t mark = kMarks.find(c);
    if (mark < numbers.size())
      out += std::to_string(numbers[mark]);
    else
      out += c;
  }
  return out;
}

std::string_view stem_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

}  // namespace sirocco
