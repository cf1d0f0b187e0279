#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/lexer.hpp"

namespace sirocco::jinja {

using Words = std::initializer_list<std::string_view>;

/// A place in a template's lexemes, for a parser that looks one ahead.
class Cursor {
 protected:
  explicit Cursor(std::string_view source) : lexemes_(lex(source)) {}

  /// Counts nesting while it lives.
  class Nested {
   public:
    explicit Nested(Cursor& cursor) : cursor_(cursor) {
      if (++cursor_.nesting_ > kMaxNesting) cursor_.fail("the template is nested too deeply");
    }
    ~Nested() { --cursor_.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Cursor& cursor_;
  };

  const Lexeme& current() const { return lexemes_[at_]; }
  const Lexeme& following() const { return lexemes_[std::min(at_ + 1, lexemes_.size() - 1)]; }
  int line() const { return current().line; }
  bool at_end() const { return current().kind == LexemeKind::kEnd; }
  bool is(LexemeKind kind) const { return current().kind == kind; }
  bool is_op(std::string_view symbol) const {
    return is(LexemeKind::kOperator) && current().text == symbol;
  }
  bool is_word(std::string_view word) const {
    return is(LexemeKind::kName) && current().text == word;
  }
  bool is_any_word(Words words) const {
    return std::any_of(words.begin(), words.end(), [&](auto word) { return is_word(word); });
  }
  const Lexeme& next() {
    const Lexeme& lexeme = current();
    if (!at_end()) ++at_;
    return lexeme;
  }
  bool skip_op(std::string_view symbol) {
    if (!is_op(symbol)) return false;
    next();
    return true;
  }
  bool skip_word(std::string_view word) {
    if (!is_word(word)) return false;
    next();
    return true;
  }

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw FormatError("chat template, line {}: {}", line(),
                      fmt::format(format, std::forward<Args>(args)...));
  }

  std::string describe() const {
    switch (current().kind) {
      case LexemeKind::kData:
        return "text";
      case LexemeKind::kBlockBegin:
        return "'{%'";
      case LexemeKind::kBlockEnd:
        return "'%}'";
      case LexemeKind::kVariableBegin:
        return "'{{'";
      case LexemeKind::kVariableEnd:
        return "'}}'";
      case LexemeKind::kEnd:
        return "the end of the template";
      default:
        return quoted(current().text);
    }
  }

  void expect_op(std::string_view symbol) {
    if (!skip_op(symbol)) fail("expected '{}', found {}", symbol, describe());
  }
  void expect_word(std::string_view word) {
    if (!skip_word(word)) fail("expected '{}', found {}", word, describe());
  }
  void expect(LexemeKind kind, std::string_view what) {
    if (!is(kind)) fail("expected {}, found {}", what, describe());
    next();
  }
  std::string expect_name() {
    if (!is(LexemeKind::kName)) fail("expected a name, found {}", describe());
    return next().text;
  }

 private:
  /// Brackets and statements inside one another, each of which counts up to four times. Python's
  /// own compiler takes fewer.
  static constexpr int kMaxNesting = 400;

  std::vector<Lexeme> lexemes_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace sirocco::jinja
