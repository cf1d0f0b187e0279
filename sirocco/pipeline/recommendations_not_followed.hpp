#pragma once

#include <string>
#include <vector>

#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// What a checkpoint recommends for its answers that would change them, but isn't followed: names,
/// with values where these are short. What asks for nothing isn't named: null, false, 0, empty, and
/// 1 where that is off.
std::vector<std::string> recommendations_not_followed(const Metadata& metadata);

}  // namespace sirocco
