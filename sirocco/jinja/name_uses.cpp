#include "sirocco/jinja/name_uses.hpp"

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace sirocco::jinja {
namespace {

class Walk {
 public:
  explicit Walk(std::size_t symbols) : uses_(symbols), bound_(symbols, 0) {}

  void body(const Body& statements) {
    for (const StmtPtr& stmt : statements) statement(*stmt);
  }

  std::vector<NameUse> take() { return std::move(uses_); }

 private:
  /// Bindings of a block end with it.
  class Block {
   public:
    explicit Block(Walk& walk) : walk_(walk), begin_(walk.log_.size()) {}
    ~Block() {
      for (; walk_.log_.size() > begin_; walk_.log_.pop_back()) {
        const auto [symbol, before] = walk_.log_.back();
        walk_.bound_[symbol] = before;
      }
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

   private:
    Walk& walk_;
    std::size_t begin_;
  };

  bool is_bound(std::size_t symbol) const { return bound_[symbol] > outermost_; }

  void bind(Symbol name) {
    const auto symbol = static_cast<std::size_t>(name);
    uses_[symbol].assigned = true;
    if (is_bound(symbol)) return;
    log_.emplace_back(symbol, bound_[symbol]);
    bound_[symbol] = outermost_ + 1;
  }

  void bind_target(const Expr& target) {
    if (target.kind == ExprKind::kName) return bind(target.symbol);
    if (target.kind == ExprKind::kMember) return read(target.symbol, false);
    for (const ExprPtr& item : target.items) bind_target(*item);
  }

  void read(Symbol name, bool asked) {
    const auto symbol = static_cast<std::size_t>(name);
    if (name < kWellKnownCount || is_bound(symbol)) return;
    uses_[symbol].outside = true;
    if (asked) uses_[symbol].asked = true;
  }

  static bool asks(const Expr& expr) {
    if (expr.kind == ExprKind::kTest)
      return expr.attribute == "defined" || expr.attribute == "undefined";
    return expr.kind == ExprKind::kFilter && (expr.attribute == "default" || expr.attribute == "d");
  }

  void expr(const Expr* node, bool asked = false) {
    if (node == nullptr) return;
    if (node->kind == ExprKind::kName) return read(node->symbol, asked);
    for (const ExprPtr& item : node->items) expr(item.get(), asks(*node));
    if (node->call == nullptr) return;
    for (const ExprPtr& argument : node->call->positional) expr(argument.get());
    for (const auto& [name, argument] : node->call->named) expr(argument.get());
    expr(node->call->star.get());
    expr(node->call->star_star.get());
  }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kText:
      case StmtKind::kBreak:
      case StmtKind::kContinue:
        return;
      case StmtKind::kPrint:
        for (const ExprPtr& each : stmt.exprs) expr(each.get());
        return;
      case StmtKind::kSet:
        expr(stmt.exprs[0].get());
        return bind_target(*stmt.target);
      case StmtKind::kSetBlock:
        captured(stmt, stmt.exprs[0].get());
        return bind_target(*stmt.target);
      case StmtKind::kFilter:
        return captured(stmt, stmt.target.get());
      case StmtKind::kFor:
        return loop(stmt);
      case StmtKind::kIf:
        return branches(stmt);
      case StmtKind::kWith: {
        const Block block(*this);
        for (std::size_t i = 0; i < stmt.exprs.size(); i += 2) {
          expr(stmt.exprs[i + 1].get());
          bind_target(*stmt.exprs[i]);
        }
        return body(stmt.body);
      }
      case StmtKind::kMacro:
        bind(stmt.macro->symbol);
        return macro(*stmt.macro);
      case StmtKind::kCall:
        expr(stmt.target.get());
        return macro(*stmt.macro);
      case StmtKind::kScope: {
        const Block block(*this);
        // A named block sees the top level only; what was bound so far may lie between.
        const int outermost = outermost_;
        if (stmt.root_scope) ++outermost_;
        body(stmt.body);
        outermost_ = outermost;
        return;
      }
    }
  }

  void captured(const Stmt& stmt, const Expr* filter) {
    const Block block(*this);
    body(stmt.body);
    expr(filter);
  }

  void loop(const Stmt& stmt) {
    expr(stmt.exprs[0].get());
    {
      const Block block(*this);
      bind_target(*stmt.target);
      expr(stmt.exprs[1].get());
      body(stmt.body);
    }
    const Block block(*this);
    body(stmt.otherwise);
  }

  void branches(const Stmt& stmt) {
    std::unordered_map<std::size_t, std::size_t> binding;  // symbol: how many branches bind it
    const auto branch = [&](const Body& statements) {
      const Block block(*this);
      const std::size_t begin = log_.size();
      body(statements);
      for (std::size_t i = begin; i < log_.size(); ++i) ++binding[log_[i].first];
    };
    for (std::size_t i = 0; i < stmt.branches.size(); ++i) {
      expr(stmt.exprs[i].get());
      branch(stmt.branches[i]);
    }
    branch(stmt.otherwise);
    for (const auto& [symbol, count] : binding) {
      if (count == stmt.branches.size() + 1) bind(static_cast<Symbol>(symbol));
    }
  }

  void macro(const MacroDefinition& definition) {
    const Block block(*this);
    for (const Symbol parameter : definition.parameters) bind(parameter);
    for (const ExprPtr& value : definition.defaults) expr(value.get());
    body(definition.body);
  }

  std::vector<NameUse> uses_;
  std::vector<int> bound_;  ///< by symbol: bound where above `outermost_`
  std::vector<std::pair<std::size_t, int>>
      log_;  ///< what was bound, and its value of `bound_` before
  int outermost_ = 0;
};

}  // namespace

std::vector<NameUse> name_uses(const Program& program) {
  Walk walk(program.symbols.size());
  walk.body(program.body);
  return walk.take();
}

}  // namespace sirocco::jinja
