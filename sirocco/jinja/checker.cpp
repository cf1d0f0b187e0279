#include "sirocco/jinja/checker.hpp"

#include <algorithm>
#include <array>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/native.hpp"

namespace sirocco::jinja {
namespace {

enum class Access : unsigned char { kLoad, kStore };

/// Visits every name below a node in the order of jinja2's trees; macros are no borders.
template <class F>
class NameWalk {
 public:
  explicit NameWalk(F visit) : visit_(std::move(visit)) {}

  void body(const Body& statements) {
    for (const StmtPtr& stmt : statements) statement(*stmt);
  }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kFor:
        expr(stmt.target.get(), Access::kStore);
        expr(stmt.exprs[0].get());
        body(stmt.body);
        body(stmt.otherwise);
        return expr(stmt.exprs[1].get());
      case StmtKind::kWith:
        for (std::size_t i = 0; i < stmt.exprs.size(); i += 2) {
          expr(stmt.exprs[i].get(), Access::kStore);
        }
        for (std::size_t i = 1; i < stmt.exprs.size(); i += 2) expr(stmt.exprs[i].get());
        return body(stmt.body);
      case StmtKind::kMacro:
      case StmtKind::kCall:
        expr(stmt.target.get());
        for (const Symbol parameter : stmt.macro->parameters) visit_(parameter, Access::kStore);
        for (const ExprPtr& value : stmt.macro->defaults) expr(value.get());
        return body(stmt.macro->body);
      case StmtKind::kFilter:
        body(stmt.body);
        return expr(stmt.target.get());
      case StmtKind::kScope:
        if (!stmt.root_scope) body(stmt.body);
        return;
      default:
        expr(stmt.target.get(), Access::kStore);
        for (const ExprPtr& child : stmt.exprs) expr(child.get());
        for (const Body& branch : stmt.branches) body(branch);
        body(stmt.body);
        return body(stmt.otherwise);
    }
  }

  void expr(const Expr* node, Access access = Access::kLoad) {
    if (node == nullptr) return;
    if (node->kind == ExprKind::kName) visit_(node->symbol, access);
    for (const ExprPtr& item : node->items) expr(item.get(), access);
    if (node->call == nullptr) return;
    for (const ExprPtr& argument : node->call->positional) expr(argument.get());
    for (const auto& [name, argument] : node->call->named) expr(argument.get());
    expr(node->call->star.get());
    expr(node->call->star_star.get());
  }

 private:
  F visit_;
};

/// Which of the well-known names a body reads before it gives them a meaning of its own.
std::array<bool, kWellKnownCount> undeclared(const Body& body) {
  std::array<bool, kWellKnownCount> used{};
  std::array<bool, kWellKnownCount> own{};
  NameWalk walk([&](Symbol symbol, Access access) {
    if (symbol >= kWellKnownCount) return;
    const auto at = static_cast<std::size_t>(symbol);
    if (access == Access::kStore) own[at] = true;
    if (access == Access::kLoad && !own[at]) used[at] = true;
  });
  walk.body(body);
  return used;
}

class Checker {
 public:
  void body(const Body& statements, bool soft, bool in_loop) {
    for (const StmtPtr& stmt : statements) statement(*stmt, soft, in_loop);
  }

 private:
  template <class... Args>
  [[noreturn]] static void fail_at(int line, fmt::format_string<Args...> format, Args&&... args) {
    throw FormatError("chat template, line {}: {}", line,
                      fmt::format(format, std::forward<Args>(args)...));
  }

  void statement(Stmt& stmt, bool soft, bool in_loop) {
    switch (stmt.kind) {
      case StmtKind::kText:
        return;
      case StmtKind::kBreak:
      case StmtKind::kContinue:
        if (!in_loop) {
          fail_at(stmt.line, "'{}' outside of a loop",
                  stmt.kind == StmtKind::kBreak ? "break" : "continue");
        }
        return;
      case StmtKind::kFor:
        return loop(stmt, soft, in_loop);
      case StmtKind::kIf:
        for (const ExprPtr& test : stmt.exprs) expr(test.get(), true);
        for (const Body& branch : stmt.branches) body(branch, true, in_loop);
        return body(stmt.otherwise, true, in_loop);
      case StmtKind::kMacro:
        return macro(*stmt.macro, stmt.line);
      case StmtKind::kCall:
        expr(stmt.target.get(), soft);
        return macro(*stmt.macro, stmt.line);
      case StmtKind::kFilter:
      case StmtKind::kSetBlock:
        expr(stmt.target.get(), false);
        for (const ExprPtr& filter : stmt.exprs) expr(filter.get(), false);
        return body(stmt.body, false, in_loop);
      case StmtKind::kWith:
        for (const ExprPtr& child : stmt.exprs) expr(child.get(), soft);
        return body(stmt.body, false, in_loop);
      case StmtKind::kScope:
        return body(stmt.body, false, false);
      case StmtKind::kPrint:
      case StmtKind::kSet:
        for (const ExprPtr& child : stmt.exprs) expr(child.get(), soft);
        return;
    }
  }

  void loop(Stmt& stmt, bool soft, bool in_loop) {
    NameWalk walk([&](Symbol symbol, Access access) {
      if (symbol == kLoop && access == Access::kStore) {
        fail_at(stmt.line, "can't assign to the special variable 'loop' in a loop");
      }
    });
    walk.statement(stmt);
    stmt.uses_loop = stmt.recursive || undeclared(stmt.body)[kLoop];
    expr(stmt.exprs[0].get(), soft);
    expr(stmt.exprs[1].get(), false);
    body(stmt.body, false, true);
    body(stmt.otherwise, false, in_loop && !stmt.recursive);
  }

  void macro(MacroDefinition& macro, int line) {
    const auto used = undeclared(macro.body);
    const auto parameter = [&](Symbol symbol) {
      const auto found = std::find(macro.parameters.begin(), macro.parameters.end(), symbol);
      return static_cast<std::size_t>(found - macro.parameters.begin());
    };
    const std::size_t count = macro.parameters.size();
    const std::size_t caller = parameter(kCaller);
    macro.explicit_caller = caller != count;
    macro.uses_caller = used[kCaller];
    macro.uses_kwargs = used[kKwargs] && parameter(kKwargs) == count;
    macro.uses_varargs = used[kVarargs] && parameter(kVarargs) == count;
    if (macro.uses_caller && macro.explicit_caller && count - caller > macro.defaults.size()) {
      fail_at(line, "the parameter 'caller' must be left out or have a default");
    }
    for (const ExprPtr& value : macro.defaults) expr(value.get(), false);
    body(macro.body, false, false);
  }

  void expr(Expr* node, bool soft) {
    if (node == nullptr) return;
    if (node->kind == ExprKind::kFilter || node->kind == ExprKind::kTest) {
      const bool filter = node->kind == ExprKind::kFilter;
      node->native = filter ? find_filter(node->attribute) : find_test(node->attribute);
      if (node->native == nullptr && !soft) {
        fail_at(node->line, "there is no {} named {}", filter ? "filter" : "test",
                quoted(node->attribute));
      }
    }
    const bool soft_below = soft || node->kind == ExprKind::kCondition;
    for (const ExprPtr& item : node->items) expr(item.get(), soft_below);
    if (node->call == nullptr) return;
    for (const ExprPtr& argument : node->call->positional) expr(argument.get(), soft_below);
    for (const auto& [name, argument] : node->call->named) expr(argument.get(), soft_below);
    expr(node->call->star.get(), soft_below);
    expr(node->call->star_star.get(), soft_below);
  }
};

}  // namespace

void check_program(Program& program) { Checker().body(program.body, false, false); }

}  // namespace sirocco::jinja
