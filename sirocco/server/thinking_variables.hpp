#pragma once

#include <array>
#include <string_view>

namespace sirocco {

/// The variables by which chat templates are told whether the model is to think before it answers.
inline constexpr std::array<std::string_view, 2> kThinkingVariables = {"enable_thinking",
                                                                       "thinking"};

}  // namespace sirocco
