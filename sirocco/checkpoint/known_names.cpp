#include "sirocco/checkpoint/known_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sirocco {
namespace {

/// Levenshtein's distance.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

std::string known_names(std::span<const std::string_view> names, std::string_view wanted) {
  // A name as long as a page has no near neighbour.
  const std::string_view compared = wanted.substr(0, 64);
  const std::string_view nearest = *std::ranges::min_element(
      names, {}, [&](std::string_view name) { return edits(name, compared); });
  return fmt::format("{} (the nearest name is {})", fmt::join(names, ", "), nearest);
}

}  // namespace sirocco
