#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sirocco {

/// The printable spelling that byte-level vocabularies use for raw bytes: printable Latin-1 stands
/// for itself, the other 68 bytes are U+0100 and up in order (GPT-2's `bytes_to_unicode`). A space
/// is "Ġ", a newline "Ċ".

/// Appends the spelling of one byte.
void append_byte_spelling(std::string& out, unsigned char byte);

/// The bytes that `spelling` stands for, or nothing when some character of it spells no byte.
std::optional<std::string> bytes_of_spelling(std::string_view spelling);

}  // namespace sirocco
