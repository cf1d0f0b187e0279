#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/base/ids.hpp"
#include "sirocco/server/json/field.hpp"

namespace sirocco::openai {

/// A text, or tokens, which may lie beyond the vocabulary; at least one.
using PromptInput = std::variant<std::string, std::vector<TokenId>>;

inline constexpr std::string_view kPromptInputWords =
    "a text, an array of tokens' ids, or an array of such texts and arrays";

/// Reads one input or several: "a", [1, 2], ["a", "b"], [[1], [2, 3]]. At least one. Throws
/// InvalidRequest that names what is wrong: input[2].
std::vector<PromptInput> read_prompt_inputs(const json::Field& field, std::size_t max_inputs);

}  // namespace sirocco::openai
