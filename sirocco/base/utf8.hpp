#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sirocco {

/// What stands at one place of a byte string that ought to be UTF-8 (Unicode 15, section 3.9).
struct Utf8Unit {
  char32_t value;     ///< the code point; U+FFFD when !valid
  std::uint8_t size;  ///< bytes taken: of the character, or of the maximal ill-formed part (1 to 3)
  bool valid;
  bool cut;  ///< ill-formed only because the text ends here: more bytes could complete it
};

/// The unit at `text[pos]`. pos < text.size().
Utf8Unit decode_utf8(std::string_view text, std::size_t pos) noexcept;

/// Length of the longest well-formed prefix of `text`.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

/// Whether all of `text` is well-formed.
inline bool is_utf8(std::string_view text) noexcept {
  return valid_utf8_prefix(text) == text.size();
}

/// Appends `code_point` (a Unicode scalar value) to `out`.
void append_utf8(std::string& out, char32_t code_point);

/// Turns a stream of bytes into a stream of well-formed UTF-8: holds back the bytes of a character
/// until it is whole, and replaces each maximal part that can never become one by U+FFFD, as
/// Python's `bytes.decode("utf-8", "replace")` does over the whole stream.
class Utf8Assembler {
 public:
  /// Appends to `out` what `bytes` completes.
  void push(std::string_view bytes, std::string& out);

  /// The end of the stream: an unfinished character becomes U+FFFD.
  void finish(std::string& out);

 private:
  std::string held_;  // at most 3 bytes
};

}  // namespace sirocco
