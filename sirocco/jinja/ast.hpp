#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/value.hpp"

namespace sirocco::jinja {

/// A name of the template, numbered: comparing names is comparing integers.
using Symbol = int;

struct Native;
struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : unsigned char {
  kConst,      // value
  kName,       // name, symbol
  kMember,     // name.attribute as a target of `set`; name, symbol, attribute
  kTuple,      // items
  kList,       // items
  kDict,       // items: key, value, key, value…
  kNot,        // items[0]
  kNegate,     // items[0]
  kPosit,      // items[0]
  kBinary,     // binary, items[0..1]
  kAnd,        // items[0..1]
  kOr,         // items[0..1]
  kCompare,    // items[0..n], comparisons[0..n-1]
  kConcat,     // items
  kCondition,  // items: test, then, else (may be null)
  kGetattr,    // items[0], attribute
  kGetitem,    // items[0..1]
  kSlice,      // items: start, stop, step (may be null)
  kCall,       // items[0], call
  kFilter,     // items[0] (null: the text of the block), attribute, call
  kTest,       // items[0], attribute, call
};

enum class Comparison : unsigned char { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star;
  ExprPtr star_star;
};

struct Expr {
  Expr(ExprKind what, int at) : kind(what), line(at) {}

  ExprKind kind;
  Binary binary = Binary::kAdd;
  int line;
  int depth = 1;  ///< of the tree below, bounded by the parser
  Symbol symbol = -1;
  std::string attribute;
  Value value;
  std::vector<ExprPtr> items;
  std::vector<Comparison> comparisons;
  std::unique_ptr<CallArguments> call;
  const Native* native = nullptr;  ///< of a filter or test; null where it is unknown
};

struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

enum class StmtKind : unsigned char {
  kText,      // text
  kPrint,     // exprs
  kFor,       // target, exprs: iterable, test (may be null); body, otherwise
  kIf,        // exprs: tests; branches; otherwise
  kMacro,     // macro
  kCall,      // target: the call; macro
  kFilter,    // target: the filter; body
  kWith,      // exprs: target, value, target, value…; body
  kSet,       // target, exprs[0]
  kSetBlock,  // target, exprs: filter (may be null); body
  kScope,     // body: generation and named blocks
  kBreak,
  kContinue,
};

/// A macro, or the body of a call block.
struct MacroDefinition {
  std::string name;
  Symbol symbol = -1;
  std::vector<std::string> names;
  std::vector<Symbol> parameters;
  std::vector<ExprPtr> defaults;  ///< of the last parameters
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool explicit_caller = false;
  Body body;
};

struct Stmt {
  Stmt(StmtKind what, int at) : kind(what), line(at) {}

  StmtKind kind;
  bool recursive = false;
  bool root_scope = false;  ///< a named block: sees the top level only
  bool uses_loop = false;
  int line;
  std::string text;
  ExprPtr target;
  std::vector<ExprPtr> exprs;
  std::vector<Body> branches;
  Body body;
  Body otherwise;
  std::unique_ptr<MacroDefinition> macro;
};

/// Names that the interpreter itself gives a meaning; numbered first, in this order.
enum WellKnown : Symbol { kLoop, kCaller, kVarargs, kKwargs, kWellKnownCount };

struct Program {
  Body body;
  std::vector<std::string> symbols;  ///< by number
};

/// Parses a template, names of filters and tests checked. Throws FormatError with the line, and
/// UnsupportedError for what would load other templates.
Program parse(std::string_view source);

}  // namespace sirocco::jinja
