#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sirocco {

// Bytes are spelled by characters in two ways. Byte-level vocabularies have an alphabet: printable
// Latin-1 stands for itself, the other 68 bytes are U+0100 and up in order (GPT-2's
// `bytes_to_unicode`), so that a space is "Ġ" and a newline "Ċ". SentencePiece writes "<0x0A>".

/// Appends the character of that alphabet for one byte.
void append_byte_spelling(std::string& out, unsigned char byte);

/// The bytes that `spelling` stands for in that alphabet, or nothing when some character of it
/// spells no byte.
std::optional<std::string> bytes_of_spelling(std::string_view spelling);

/// The byte that a text of the form "<0xNN>" stands for (two hexadecimal digits of either case), or
/// nothing.
std::optional<unsigned char> byte_of_hex_spelling(std::string_view text) noexcept;

}  // namespace sirocco
