#include "sirocco/jinja/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// Longest first.
constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

/// Line ends become \n, and one at the very end goes.
std::string normalize(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out.push_back(source[i]);
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : owned_(normalize(source)), source_(owned_) {}

  std::vector<Lexeme> run() {
    while (at_ < source_.size()) text_until_tag();
    emit(LexemeKind::kEnd, "");
    return std::move(lexemes_);
  }

 private:
  /// What follows a tag's opening or closing braces.
  enum class Strip : unsigned char { kDefault, kStrip, kKeep };

  template <class... Args>
  [[noreturn]] void fail_at(fmt::format_string<Args...> format, Args&&... args) const {
    throw FormatError("chat template, line {}: {}", line_,
                      fmt::format(format, std::forward<Args>(args)...));
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  bool starts(std::string_view text, std::size_t at) const {
    return source_.substr(std::min(at, source_.size()), text.size()) == text;
  }
  std::size_t skip_space(std::size_t at) const {
    while (at < source_.size() && is_space(code_point_at(source_, at))) {
      at += utf8_width(source_, at);
    }
    return at;
  }
  Strip strip_sign(std::size_t at) const {
    return starts("-", at) ? Strip::kStrip : starts("+", at) ? Strip::kKeep : Strip::kDefault;
  }

  void emit(LexemeKind kind, std::string text) {
    lexemes_.push_back({kind, line_, std::move(text)});
  }

  /// Moves to `end`, counting lines.
  void advance(std::size_t end) {
    const auto passed = source_.substr(at_, end - at_);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_starting_ = passed.back() == '\n';
    at_ = end;
  }

  /// The end of a closing `%}` or `#}` at `at`, with its sign and the space it takes; 0 if none.
  std::size_t closing(std::string_view braces, std::size_t at) const {
    const Strip strip = strip_sign(at);
    const std::size_t brace = strip == Strip::kDefault ? at : at + 1;
    if (!starts(braces, brace)) return 0;
    const std::size_t end = brace + braces.size();
    if (strip == Strip::kStrip) return skip_space(end);
    return strip == Strip::kDefault && starts("\n", end) ? end + 1 : end;
  }

  /// Template text before a tag, less what the tag's sign or lstrip_blocks takes from its end.
  void emit_text(std::size_t end, Strip strip, bool variable) {
    std::string_view text = source_.substr(at_, end - at_);
    std::size_t length = text.size();
    if (strip == Strip::kStrip) {
      while (length > 0) {
        const std::size_t before = previous_boundary(text, length);
        if (!is_space(code_point_at(text, before))) break;
        length = before;
      }
    } else if (strip == Strip::kDefault && !variable) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
      const bool blank = skip_space(at_ + line_start) >= end;
      if ((line_start > 0 || line_starting_) && blank) length = line_start;
    }
    if (length > 0) emit(LexemeKind::kData, std::string(text.substr(0, length)));
    advance(end);
  }

  void text_until_tag() {
    std::size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos) {
        emit(LexemeKind::kData, std::string(source_.substr(at_)));
        return advance(source_.size());
      }
      if (starts("{%", tag) || starts("{{", tag) || starts("{#", tag)) break;
      ++tag;
    }
    const bool variable = source_[tag + 1] == '{';
    const Strip strip = strip_sign(tag + 2);
    emit_text(tag, strip, variable);
    const std::size_t inside = tag + (strip == Strip::kDefault ? 2 : 3);
    if (source_[tag + 1] == '#') return comment(inside);
    if (!variable) {
      if (const std::size_t raw = raw_begin(inside)) return raw_block(raw);
    }
    emit(variable ? LexemeKind::kVariableBegin : LexemeKind::kBlockBegin, "");
    advance(inside);
    code(variable);
  }

  void comment(std::size_t inside) {
    if (inside >= source_.size()) return advance(inside);
    for (std::size_t at = inside; at < source_.size(); ++at) {
      const std::size_t end = closing("#}", at);
      if (end != 0) return advance(end);
    }
    fail_at("missing end of comment tag");
  }

  /// The end of `raw %}` at `at`, or 0.
  std::size_t raw_begin(std::size_t at) const {
    at = skip_space(at);
    if (!starts("raw", at)) return 0;
    at = skip_space(at + 3);
    if (starts("-%}", at)) return skip_space(at + 3);
    return starts("%}", at) ? at + 2 : 0;
  }

  void raw_block(std::size_t begin) {
    advance(begin);
    if (at_ >= source_.size()) return;
    for (std::size_t at = source_.find("{%", at_); at != std::string_view::npos;
         at = source_.find("{%", at + 1)) {
      const Strip strip = strip_sign(at + 2);
      std::size_t word = skip_space(at + (strip == Strip::kDefault ? 2 : 3));
      if (!starts("endraw", word)) continue;
      const std::size_t end = closing("%}", skip_space(word + 6));
      if (end == 0) continue;
      emit_text(at, strip, false);
      return advance(end);
    }
    fail_at("missing end of raw directive");
  }

  /// Expressions and statements, up to and with the closing braces.
  void code(bool variable) {
    std::string open;  // closing brackets that are due
    while (at_ < source_.size()) {
      if (open.empty()) {
        std::size_t end = 0;
        if (!variable) {
          end = closing("%}", at_);
        } else if (starts("-}}", at_)) {
          end = skip_space(at_ + 3);
        } else if (starts("}}", at_)) {
          end = at_ + 2;
        }
        if (end != 0) {
          emit(variable ? LexemeKind::kVariableEnd : LexemeKind::kBlockEnd, "");
          return advance(end);
        }
      }
      const std::size_t after_space = skip_space(at_);
      if (after_space != at_) {
        advance(after_space);
        continue;
      }
      if (number() || name() || string()) continue;
      operation(open);
    }
  }

  /// Digits that may be joined by single underscores; returns their end.
  template <class IsDigit>
  std::size_t digits(std::size_t at, IsDigit is) const {
    while (at < source_.size()) {
      if (is(source_[at])) {
        ++at;
      } else if (source_[at] == '_' && at + 1 < source_.size() && is(source_[at + 1])) {
        at += 2;
      } else {
        break;
      }
    }
    return at;
  }

  /// The end of a float at the current place, or 0.
  std::size_t float_end() const {
    if (at_ > 0 && source_[at_ - 1] == '.') return 0;
    std::size_t end = digits(at_, is_ascii_digit);
    bool is_float = false;
    if (starts(".", end) && end + 1 < source_.size() && is_ascii_digit(source_[end + 1])) {
      end = digits(end + 1, is_ascii_digit);
      is_float = true;
    }
    if (starts("e", end) || starts("E", end)) {
      std::size_t power = end + 1;
      if (starts("+", power) || starts("-", power)) ++power;
      if (power < source_.size() && is_ascii_digit(source_[power])) {
        end = digits(power, is_ascii_digit);
        is_float = true;
      }
    }
    return is_float ? end : 0;
  }

  bool number() {
    if (!is_ascii_digit(peek())) return false;
    if (const std::size_t end = float_end(); end != 0) {
      std::string text(source_.substr(at_, end - at_));
      std::erase(text, '_');
      Lexeme lexeme{LexemeKind::kFloat, line_, text};
      if (std::from_chars(text.data(), text.data() + text.size(), lexeme.real).ec ==
          std::errc::result_out_of_range) {
        lexeme.real = std::strtod(text.c_str(), nullptr);
      }
      lexemes_.push_back(std::move(lexeme));
      advance(end);
      return true;
    }
    struct Base {
      char letter;
      int base;
    };
    int base = 10;
    std::size_t begin = at_;
    std::size_t end = at_;
    if (peek() == '0') {
      for (const auto& [letter, value] : {Base{'b', 2}, Base{'o', 8}, Base{'x', 16}}) {
        if ((peek(1) | 0x20) != letter) continue;
        const auto is_digit = [value = value](char c) { return digit_value(c) < value; };
        const std::size_t stop = digits(at_ + 2, is_digit);
        if (stop > at_ + 2) {
          base = value;
          begin = at_ + 2;
          end = stop;
        }
      }
      if (end == at_) end = digits(at_, [](char c) { return c == '0'; });
    } else {
      end = digits(at_, is_ascii_digit);
    }
    Int value = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (source_[i] == '_') continue;
      if (__builtin_mul_overflow(value, Int{base}, &value) ||
          __builtin_add_overflow(value, Int{digit_value(source_[i])}, &value)) {
        fail_at("an integer of more than 128 bits");
      }
    }
    Lexeme lexeme{LexemeKind::kInteger, line_, std::string(source_.substr(at_, end - at_))};
    lexeme.integer = value;
    lexemes_.push_back(std::move(lexeme));
    advance(end);
    return true;
  }

  static int digit_value(char c) {
    if (is_ascii_digit(c)) return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
  }

  bool name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const char32_t c = code_point_at(source_, end);
      if (c < 0x80 ? !is_word(c) : is_space(c) || !is_identifier_part(c)) break;
      end += utf8_width(source_, end);
    }
    if (end == at_) return false;
    std::string text(source_.substr(at_, end - at_));
    if (!is_identifier(text)) fail_at("invalid character in identifier {}", quoted(text));
    emit(LexemeKind::kName, std::move(text));
    advance(end);
    return true;
  }

  static bool is_identifier_part(char32_t c) {
    std::string text = "_";
    append_utf8(text, c);
    return is_word(c) || is_identifier(text);
  }

  bool string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) {
      end += source_[end] == '\\' ? 2 : 1;
    }
    // jinja2 reads a lone quote as a character that fits nothing.
    if (end >= source_.size()) fail_at("unexpected char {}", quoted(source_.substr(at_, 1)));
    emit(LexemeKind::kString, unescape(source_.substr(at_ + 1, end - at_ - 1)));
    advance(end + 1);
    return true;
  }

  /// Escapes of Python's string literals; unknown ones stay.
  std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] != '\\' || i + 1 >= text.size()) {
        out.push_back(text[i++]);
        continue;
      }
      const char c = text[i + 1];
      i += 2;
      constexpr std::string_view kSimple = "\\'\"abfnrtv";
      constexpr std::string_view kMeaning = "\\'\"\a\b\f\n\r\t\v";
      if (const std::size_t known = kSimple.find(c); known != std::string_view::npos) {
        out.push_back(kMeaning[known]);
      } else if (c == '\n') {
        continue;
      } else if (c >= '0' && c <= '7') {
        char32_t code = static_cast<char32_t>(c - '0');
        for (int more = 0; more < 2 && i < text.size() && text[i] >= '0' && text[i] <= '7';
             ++more) {
          code = code * 8 + static_cast<char32_t>(text[i++] - '0');
        }
        append_utf8(out, code);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_utf8(out, hex_escape(text, i, count));
        i += count;
      } else if (c == 'N') {
        const std::size_t close = text.find('}', i);
        if (i >= text.size() || text[i] != '{' || close == std::string_view::npos) {
          fail_at("malformed \\N character escape");
        }
        const char32_t named = character_named(text.substr(i + 1, close - i - 1));
        if (named == 0) fail_at("unknown Unicode character name");
        append_utf8(out, named);
        i = close + 1;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        // The reference escapes what isn't ASCII before it unescapes, so a backslash there leaves
        // the code point in writing.
        const auto code = static_cast<std::uint32_t>(code_point_at(text, i - 1));
        out += code < 0x100     ? fmt::format("\\x{:02x}", code)
               : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                                : fmt::format("\\U{:08x}", code);
        i += utf8_width(text, i - 1) - 1;
      } else {
        out.push_back('\\');
        out.push_back(c);
      }
    }
    return out;
  }

  char32_t hex_escape(std::string_view text, std::size_t at, std::size_t count) const {
    char32_t code = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      const int digit = i < text.size() ? digit_value(text[i]) : 99;
      if (digit >= 16) fail_at("truncated character escape in a string");
      code = code * 16 + static_cast<char32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      fail_at("a string escapes what is no Unicode character (U+{:X})",
              static_cast<std::uint32_t>(code));
    }
    return code;
  }

  void operation(std::string& open) {
    for (const std::string_view symbol : kOperators) {
      if (!starts(symbol, at_)) continue;
      const char c = symbol[0];
      if (c == '(' || c == '[' || c == '{') {
        open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      } else if (c == ')' || c == ']' || c == '}') {
        if (open.empty()) fail_at("unexpected '{}'", c);
        if (open.back() != c) fail_at("unexpected '{}', expected '{}'", c, open.back());
        open.pop_back();
      }
      emit(LexemeKind::kOperator, std::string(symbol));
      return advance(at_ + symbol.size());
    }
    fail_at("unexpected char {}", quoted(source_.substr(at_, utf8_width(source_, at_))));
  }

  std::string owned_;
  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Lexeme> lexemes_;
};

}  // namespace

std::vector<Lexeme> lex(std::string_view source) {
  if (!is_utf8(source)) throw FormatError("chat template: the text isn't UTF-8");
  return Lexer(source).run();
}

}  // namespace sirocco::jinja
