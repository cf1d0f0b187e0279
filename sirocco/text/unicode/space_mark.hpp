#pragma once

#include <string_view>

namespace sirocco {

/// The character that SentencePiece writes for a space: U+2581.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

}  // namespace sirocco
