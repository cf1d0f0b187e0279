#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sirocco/base/utf8.hpp"
#include "sirocco/jinja/text.hpp"

/// What Python's `str` knows of Unicode. Text is well-formed UTF-8 everywhere in the interpreter.
namespace sirocco::jinja {

/// Bytes of the character that starts at `bytes[at]`.
inline std::size_t utf8_width(std::string_view bytes, std::size_t at) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}
char32_t code_point_at(std::string_view bytes, std::size_t at);
/// Start of the character that ends before `at` (> 0).
std::size_t previous_boundary(std::string_view bytes, std::size_t at);
std::size_t count_code_points(std::string_view bytes);

/// str.isspace for one character; also what strip(), split() and the pattern \s go by.
bool is_space(char32_t c);
/// What splitlines() breaks at.
bool is_line_break(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);
/// What repr() shows as itself.
bool is_printable(char32_t c);
bool is_identifier(std::string_view name);
inline bool is_alnum(char32_t c) {
  return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c);
}
/// The pattern \w.
inline bool is_word(char32_t c) { return c == U'_' || is_alnum(c); }

/// str.isupper (or islower): at least one cased letter, and none of the other case.
bool all_cased(std::string_view bytes, bool upper);

enum class Case { kUpper, kLower, kTitle, kFold };
/// One character's full case mapping, without context.
void append_case(std::string& out, char32_t c, Case to);

Text to_upper(const Text& text);
/// With the final sigma of Greek, as Python has it.
Text to_lower(const Text& text);
Text to_case_fold(const Text& text);
Text capitalize(const Text& text);
/// str.title(): every run of cased letters starts with a capital.
Text to_title(const Text& text);
Text swap_case(const Text& text);

/// The character of that Unicode name, or 0.
char32_t character_named(std::string_view name);

}  // namespace sirocco::jinja
