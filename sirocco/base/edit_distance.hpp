#pragma once

#include <cstddef>
#include <string_view>

namespace sirocco {

/// The fewest bytes to replace, put in or take out that make one text of the other (Levenshtein
/// 1966). Time is proportional to the product of their lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace sirocco
