#include "sirocco/formats/name_order.hpp"

#include <algorithm>
#include <numeric>

#include "sirocco/base/error.hpp"

namespace sirocco {

std::vector<std::uint32_t> unique_order(std::span<const std::string_view> names,
                                        std::string_view what, std::string_view origin) {
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto name_of = [&](std::uint32_t i) { return names[i]; };
  std::ranges::sort(order, {}, name_of);
  const auto twice = std::ranges::adjacent_find(order, {}, name_of);
  if (twice != order.end()) {
    throw FormatError("{}: the {} {} occurs twice; the file is damaged", origin, what,
                      quoted(names[*twice]));
  }
  return order;
}

const std::uint32_t* find_index(std::span<const std::uint32_t> order,
                                std::span<const std::string_view> names, std::string_view name) {
  const auto name_of = [&](std::uint32_t i) { return names[i]; };
  const auto found = std::ranges::lower_bound(order, name, {}, name_of);
  return found != order.end() && names[*found] == name ? &*found : nullptr;
}

}  // namespace sirocco
