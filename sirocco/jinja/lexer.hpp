#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sirocco/jinja/value.hpp"

namespace sirocco::jinja {

enum class LexemeKind : unsigned char {
  kData,
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Lexeme {
  LexemeKind kind;
  int line;
  std::string text;  ///< data, a name, an operator, or a string without its quotes and escapes
  Int integer = 0;
  double real = 0;
};

/// Cuts a template up as jinja2 does with trim_blocks and lstrip_blocks: raw blocks and comments
/// are resolved, white space around tags is gone. The last lexeme is kEnd.
/// Throws FormatError with the line.
std::vector<Lexeme> lex(std::string_view source);

}  // namespace sirocco::jinja
