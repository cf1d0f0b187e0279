#pragma once

#include <string>
#include <string_view>

namespace sirocco {

// The tables of Unicode 16 that Hugging Face's `tokenizers` has, on top of older ones: PCRE2 10.42
// has those of Unicode 14, ICU 72 those of Unicode 15. Newer libraries give the same answers.

/// A character that older tables put into the general category of `c`, its script and the
/// properties Alphabetic, Uppercase and Lowercase; of the same size in UTF-8, and `c` itself unless
/// those tables are wrong about its category or script.
char32_t stand_in(char32_t c) noexcept;

/// `text` (well-formed UTF-8) with stand-ins, byte for byte as long; without any, `text` itself.
/// The view is of `text` or of `storage`.
std::string_view with_stand_ins(std::string_view text, std::string& storage);

}  // namespace sirocco
