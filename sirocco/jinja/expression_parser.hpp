#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sirocco/jinja/ast.hpp"
#include "sirocco/jinja/cursor.hpp"

namespace sirocco::jinja {

/// Reads expressions into nodes, and numbers the names that it meets.
class ExpressionParser : protected Cursor {
 protected:
  explicit ExpressionParser(std::string_view source) : Cursor(source) {
    for (const char* name : {"loop", "caller", "varargs", "kwargs"}) symbol(name);
  }

  /// The names by their numbers; for the end.
  std::vector<std::string> take_symbols() { return std::move(symbols_); }

  Symbol symbol(const std::string& name);

  // ---- nodes

  ExprPtr node(ExprKind kind, int at) { return std::make_unique<Expr>(kind, at); }

  template <class... Items>
  ExprPtr node(ExprKind kind, int at, Items... items) {
    ExprPtr expr = node(kind, at);
    (expr->items.push_back(std::move(items)), ...);
    return sealed(std::move(expr));
  }

  /// Sets the depth of a node whose children are complete.
  ExprPtr sealed(ExprPtr expr) const;
  ExprPtr constant(Value value, int at);
  ExprPtr name_node(const std::string& name, int at);

  // ---- expressions, loosest first

  ExprPtr expression(bool with_condition = true);
  ExprPtr condition();
  ExprPtr disjunction();
  ExprPtr conjunction();
  ExprPtr negation();
  std::optional<Comparison> comparison_operator();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filter);
  ExprPtr primary(bool with_namespace);

  struct TupleRules {
    bool simple = false;  ///< names only, as targets of assignments
    bool with_condition = true;
    bool parentheses = false;
    bool with_namespace = false;
    std::string_view end_word = "";
  };

  bool at_tuple_end(std::string_view end_word) const;

  ExprPtr tuple(const TupleRules& rules);
  ExprPtr list();
  ExprPtr dict();
  ExprPtr postfix(ExprPtr value);
  ExprPtr filters_and_tests(ExprPtr value);
  ExprPtr subscript(ExprPtr value);
  ExprPtr index();
  std::unique_ptr<CallArguments> arguments();
  ExprPtr call(ExprPtr callee);
  std::string dotted_name();

  /// `value | filter…`; with `start_inline` the first filter has no bar before it.
  ExprPtr filters(ExprPtr value, bool start_inline);
  ExprPtr test(ExprPtr value);

 private:
  std::vector<std::string> symbols_;
  std::unordered_map<std::string, Symbol> numbers_;
};

}  // namespace sirocco::jinja
