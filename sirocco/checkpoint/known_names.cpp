#include "sirocco/checkpoint/known_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sirocco/base/edit_distance.hpp"

namespace sirocco {

std::string known_names(std::span<const std::string_view> names, std::string_view wanted) {
  // A name as long as a page has no near neighbour.
  const std::string_view compared = wanted.substr(0, 64);
  const std::string_view nearest = *std::ranges::min_element(
      names, {}, [&](std::string_view name) { return edit_distance(name, compared); });
  return fmt::format("{} (the nearest name is {})", fmt::join(names, ", "), nearest);
}

}  // namespace sirocco
