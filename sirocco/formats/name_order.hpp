#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sirocco {

/// The indices of `names` in the order of the names; a name that occurs twice is a FormatError that
/// calls it a `what`. Sorted, not hashed: no choice of names makes it slow.
std::vector<std::uint32_t> unique_order(std::span<const std::string_view> names,
                                        std::string_view what, std::string_view origin);

/// Finds `name` among `names`, given their order; null when absent.
const std::uint32_t* find_index(std::span<const std::uint32_t> order,
                                std::span<const std::string_view> names, std::string_view name);

}  // namespace sirocco
