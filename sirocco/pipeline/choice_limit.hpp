#pragma once

#include <cstdint>

namespace sirocco {

/// Answers to one prompt that are made beside one another, at most: a bit each.
inline constexpr std::int32_t kMaxTextChoices = 64;

}  // namespace sirocco
