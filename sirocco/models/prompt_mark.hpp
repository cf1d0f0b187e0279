#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sirocco {

/// The row that an encoder has for the end of a row of tiles, among those of a picture.
inline constexpr std::int32_t kNewlineRow = -1;

/// What the place of a picture or a sound in a prompt is made of: text of the family's own, and
/// rows that the encoder made, by their numbers or kNewlineRow.
using PromptMark = std::variant<std::string, std::vector<std::int32_t>>;

}  // namespace sirocco
