#pragma once

#include <string>

namespace sirocco {

/// Questions about characters as Hugging Face's `tokenizers` 0.23 answers them. Its libraries keep
/// their own tables: those behind BERT's rules stem from Unicode 8, those behind StripAccents from
/// Unicode 9, so characters that came later are not what they would be today; those behind words
/// from Unicode 16, those behind numbers and lower case from Unicode 17.

/// The property White_Space.
bool is_white_space(char32_t c) noexcept;

/// A letter, mark, decimal digit, connector or join control: `\w` of Rust's `regex`.
bool is_word_character(char32_t c) noexcept;

/// A number of any kind (general category N).
bool is_numeric(char32_t c) noexcept;

/// ASCII that is neither alphanumeric, blank nor control, and general category P.
bool is_punctuation(char32_t c) noexcept;

/// A control, format or private-use character, except tab and line ends: what BERT deletes.
bool is_bert_control(char32_t c) noexcept;

/// A mark without width of its own (general category Mn): what BERT takes for an accent.
bool is_nonspacing_mark(char32_t c) noexcept;

/// A mark of any kind (general category M): what StripAccents deletes.
bool is_mark(char32_t c) noexcept;

/// A character that BERT puts spaces around: the ideographs, as its authors listed them.
bool is_bert_ideograph(char32_t c) noexcept;

/// Appends the lower case of `c`, character by character (no rule looks at neighbours).
void append_lower(std::string& out, char32_t c);

}  // namespace sirocco
