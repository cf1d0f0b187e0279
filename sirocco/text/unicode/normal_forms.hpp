#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sirocco {

/// Unicode's normalization forms (UAX #15), of the characters of Unicode 9: what came later stays
/// as it is, as in Hugging Face's `tokenizers`.
enum class UnicodeForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

/// `text` (well-formed UTF-8) in that form, in time n log n whatever the text.
std::string normalized(std::string_view text, UnicodeForm form);

/// `normalized` in form C.
std::string to_nfc(std::string_view text);

/// Whether what stands before `c` and what begins with it are normalized independently of each
/// other, in every form.
bool begins_normalization_unit(char32_t c) noexcept;

/// Whether every character of `text` lies below U+0300, where all text is in form C already: false
/// means "perhaps not".
bool surely_nfc(std::string_view text) noexcept;

}  // namespace sirocco
