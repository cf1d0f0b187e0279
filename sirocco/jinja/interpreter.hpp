#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/jinja/ast.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/limits.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/runtime.hpp"

namespace sirocco::jinja {

/// How many nodes of a program are at work inside one another, and where the machine's stack stood
/// at the outermost.
struct Nesting {
  int depth = 0;
  std::uintptr_t stack_base = 0;
};

/// One more node at work inside the others. A fault in place of an overflow of the stack.
class DepthGuard {
 public:
  explicit DepthGuard(Nesting& nesting) : nesting_(nesting) {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (nesting_.depth == 0) nesting_.stack_base = here;
    const std::uintptr_t used =
        here < nesting_.stack_base ? nesting_.stack_base - here : here - nesting_.stack_base;
    if (nesting_.depth >= kMaxDepth || used > kMaxStack) {
      fail(Fault::kLimit, "the template runs too deep: {} levels", nesting_.depth);
    }
    ++nesting_.depth;
  }
  ~DepthGuard() { --nesting_.depth; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  static constexpr int kMaxDepth = 800;
  /// Bytes. Reached first where frames are large, as sanitizers make them.
  static constexpr std::uintptr_t kMaxStack = std::uintptr_t{3} << 19;

  Nesting& nesting_;
};

/// Variables of one block of the template; reads go on to the blocks around it.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> around) : parent(std::move(around)) {}

  const Value* find(Symbol symbol) const;
  void set(Symbol symbol, Value value);

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<Symbol, Value>> variables;
};
using ScopePtr = std::shared_ptr<Scope>;

/// What is printed while it lives, gathered in place of what was gathered before.
class Output {
 public:
  Output(TextBuilder*& current, Heap& heap)
      : text_(heap), current_(current), outer_(std::exchange(current, &text_)) {}
  ~Output() { current_ = outer_; }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  Text take() { return text_.take(); }

 private:
  TextBuilder text_;
  TextBuilder*& current_;
  TextBuilder* outer_;
};

/// Runs one program once.
class Interpreter final : public Runtime {
 public:
  /// `variables` are what the template sees from outside; they hide global functions of their name.
  Interpreter(const Program& program, const Limits& limits, const Clock& clock,
              const std::vector<std::pair<std::string, Value>>& variables);
  ~Interpreter();

  /// Throws TemplateFault; line() then says where.
  Text run();
  int line() const { return line_; }

  Value attribute(const Value& value, std::string_view name) override;
  Value item(const Value& value, const Value& key) override;
  std::shared_ptr<Namespace> make_namespace() override;

 private:
  /// Macros and recursive loops inside one another; about where Python gives up too.
  static constexpr int kMaxCalls = 150;

  enum class Flow : unsigned char { kNext, kBreak, kContinue };
  class Macro;

  Flow run_body(const Body& body, const ScopePtr& scope);
  Flow run_statement(const Stmt& stmt, const ScopePtr& scope);
  Flow run_if(const Stmt& stmt, const ScopePtr& scope);
  Flow run_for(const Stmt& stmt, const ScopePtr& scope, const Value& iterable, std::size_t depth);
  Flow run_captured(const Stmt& stmt, const ScopePtr& scope);
  Flow run_with(const Stmt& stmt, const ScopePtr& scope);
  void run_call_block(const Stmt& stmt, const ScopePtr& scope);
  void define_macro(const Stmt& stmt, const ScopePtr& scope);
  void print(const Value& value);
  /// What a recursive loop writes; `level` counts the calls around it.
  Text run_loop(const Stmt& loop, const ScopePtr& scope, const Value& iterable, std::size_t level);

  Value eval(const Expr& expr, const ScopePtr& scope);
  Value eval_name(const Expr& expr, const ScopePtr& scope);
  Value eval_container(const Expr& expr, const ScopePtr& scope);
  Value eval_binary(const Expr& expr, const ScopePtr& scope);
  Value eval_logic(const Expr& expr, const ScopePtr& scope);
  Value eval_compare(const Expr& expr, const ScopePtr& scope);
  Value eval_concat(const Expr& expr, const ScopePtr& scope);
  Value eval_condition(const Expr& expr, const ScopePtr& scope);
  Value eval_getitem(const Expr& expr, const ScopePtr& scope);
  Value eval_call(const Expr& expr, const ScopePtr& scope, const Value* caller);
  Value call(const Value& callee, Arguments& arguments);
  Value eval_native(const Expr& expr, const ScopePtr& scope, const Value* text);
  Arguments eval_arguments(const CallArguments& call, const ScopePtr& scope);

  void check_members(const Expr& target, const ScopePtr& scope);
  void assign(const Expr& target, const Value& value, const ScopePtr& scope);
  Value macro_value(const MacroDefinition& macro, const ScopePtr& scope);
  Value make_undefined(Symbol symbol) const;

  const Program& program_;
  Limits limits_;
  std::vector<std::optional<Value>> globals_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::vector<ScopePtr> closures_;  ///< scopes that macros keep, and that may hold those macros
  ScopePtr root_;
  TextBuilder* out_ = nullptr;
  Nesting nesting_;
  int calls_ = 0;
  int line_ = 1;
};

}  // namespace sirocco::jinja
