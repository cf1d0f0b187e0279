#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sirocco {

/// "a, b, c (the nearest name is b)": for messages about a name that isn't among `names`, of which
/// there is one at least.
std::string known_names(std::span<const std::string_view> names, std::string_view wanted);

}  // namespace sirocco
