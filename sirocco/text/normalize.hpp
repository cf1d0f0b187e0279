#pragma once

#include <string>
#include <string_view>

namespace sirocco {

/// `text` (well-formed UTF-8) in Unicode's normalization form C, in time n log n whatever the text.
std::string to_nfc(std::string_view text);

/// Whether every character of `text` lies below U+0300, where all text is in form C already: false
/// means "perhaps not".
bool surely_nfc(std::string_view text) noexcept;

}  // namespace sirocco
