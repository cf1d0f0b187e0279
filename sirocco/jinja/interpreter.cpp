#include "sirocco/jinja/interpreter.hpp"

#include <algorithm>
#include <unordered_map>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/loop.hpp"
#include "sirocco/jinja/native.hpp"

namespace sirocco::jinja {

const Value* Scope::find(Symbol symbol) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [name, value] : scope->variables) {
      if (name == symbol) return &value;
    }
  }
  return nullptr;
}

void Scope::set(Symbol symbol, Value value) {
  for (auto& [name, old] : variables) {
    if (name == symbol) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(symbol, std::move(value));
}

Interpreter::Interpreter(const Program& program, const Limits& limits, const Clock& clock,
                         const std::vector<std::pair<std::string, Value>>& variables)
    : Runtime(limits, clock),
      program_(program),
      limits_(limits),
      globals_(program.symbols.size()),
      root_(std::make_shared<Scope>(nullptr)) {
  std::unordered_map<std::string_view, Value> known;
  for (auto& [name, function] : global_functions()) known.insert_or_assign(name, function);
  for (const auto& [name, value] : variables) known.insert_or_assign(name, value);
  for (std::size_t i = 0; i < globals_.size(); ++i) {
    const auto found = known.find(program.symbols[i]);
    if (found != known.end()) globals_[i] = found->second;
  }
}

Interpreter::~Interpreter() {
  for (const ScopePtr& scope : closures_) scope->variables.clear();
  for (const auto& names : namespaces_) names->attributes.clear();
}

Text Interpreter::run() {
  Output output(out_, heap_);
  run_body(program_.body, root_);
  return output.take();
}

std::shared_ptr<Namespace> Interpreter::make_namespace() {
  auto names = make_object<Namespace>(heap_, 0);
  namespaces_.push_back(names);
  return names;
}

Value Interpreter::make_undefined(Symbol symbol) const {
  return Value::undefined(
      fmt::format("{} is undefined", quoted(program_.symbols[static_cast<std::size_t>(symbol)])));
}

// ---- statements

Interpreter::Flow Interpreter::run_body(const Body& body, const ScopePtr& scope) {
  for (const StmtPtr& stmt : body) {
    if (const Flow flow = run_statement(*stmt, scope); flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_statement(const Stmt& stmt, const ScopePtr& scope) {
  const DepthGuard depth(nesting_);
  heap_.step();
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::kText:
      out_->add(stmt.text, Origin::kTemplate);
      if (out_->size() > limits_.max_output) {
        fail(Fault::kLimit, "the template writes more than {} bytes", limits_.max_output);
      }
      return Flow::kNext;
    case StmtKind::kPrint:
      for (const ExprPtr& expr : stmt.exprs) print(eval(*expr, scope));
      return Flow::kNext;
    case StmtKind::kFor:
      if (stmt.recursive) {
        const Value iterable = eval(*stmt.exprs[0], scope);
        const Text text = run_loop(stmt, scope, iterable, 0);
        out_->add(text);
        return Flow::kNext;
      }
      return run_for(stmt, scope, eval(*stmt.exprs[0], scope), 0);
    case StmtKind::kIf:
      return run_if(stmt, scope);
    case StmtKind::kMacro:
      define_macro(stmt, scope);
      return Flow::kNext;
    case StmtKind::kCall:
      run_call_block(stmt, scope);
      return Flow::kNext;
    case StmtKind::kFilter:
    case StmtKind::kSetBlock:
      return run_captured(stmt, scope);
    case StmtKind::kWith:
      return run_with(stmt, scope);
    case StmtKind::kSet: {
      check_members(*stmt.target, scope);
      const Value value = eval(*stmt.exprs[0], scope);
      line_ = stmt.line;
      assign(*stmt.target, value, scope);
      return Flow::kNext;
    }
    case StmtKind::kScope:
      run_body(stmt.body, std::make_shared<Scope>(stmt.root_scope ? root_ : scope));
      return Flow::kNext;
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_if(const Stmt& stmt, const ScopePtr& scope) {
  for (std::size_t i = 0; i < stmt.branches.size(); ++i) {
    if (truthy(heap_, eval(*stmt.exprs[i], scope))) return run_body(stmt.branches[i], scope);
  }
  return run_body(stmt.otherwise, scope);
}

Interpreter::Flow Interpreter::run_for(const Stmt& stmt, const ScopePtr& scope,
                                       const Value& iterable, std::size_t level) {
  std::shared_ptr<Iterator> iterator = iterate(heap_, iterable);
  Value looped = iterable;
  if (const Expr* test = stmt.exprs[1].get()) {
    // Lazy, since what the body sets may bear on later tests.
    looped = generator(heap_, depth_of(iterable),
                       [this, &stmt, test, scope, source = std::move(iterator)](Value& item) {
                         while (source->next(item)) {
                           heap_.step();
                           const auto inner = std::make_shared<Scope>(scope);
                           assign(*stmt.target, item, inner);
                           if (truthy(heap_, eval(*test, inner))) return true;
                         }
                         return false;
                       });
    iterator = iterate(heap_, looped);
  }
  std::shared_ptr<Loop> loop;
  Value loop_value;
  if (stmt.uses_loop) {
    Loop::Recursion recursion;
    if (stmt.recursive) {
      recursion = [this, &stmt, scope, level](const Value& items) {
        return run_loop(stmt, scope, items, level + 1);
      };
    }
    loop =
        make_object<Loop>(heap_, depth_of(looped), looped, iterator, level, std::move(recursion));
    loop_value = object_value(loop);
  }
  bool finished = false;
  ScopePtr inner;
  Value item;
  while (loop != nullptr ? loop->advance(item) : iterator->next(item)) {
    heap_.step();
    if (inner != nullptr && inner.use_count() == 1) {
      inner->variables.clear();
    } else {
      inner = std::make_shared<Scope>(scope);
    }
    assign(*stmt.target, item, inner);
    if (loop != nullptr) inner->set(kLoop, loop_value);
    const Flow flow = run_body(stmt.body, inner);
    line_ = stmt.line;
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNext) finished = true;
  }
  // As in jinja2, `else` runs where no pass came to the end of the body, by break or continue too.
  return finished ? Flow::kNext : run_body(stmt.otherwise, std::make_shared<Scope>(scope));
}

Text Interpreter::run_loop(const Stmt& loop, const ScopePtr& scope, const Value& iterable,
                           std::size_t level) {
  if (level >= kMaxCalls) fail(Fault::kLimit, "a loop calls itself more than {} times", kMaxCalls);
  Output output(out_, heap_);
  run_for(loop, scope, iterable, level);
  return output.take();
}

Interpreter::Flow Interpreter::run_captured(const Stmt& stmt, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(scope);
  Value text;
  {
    Output output(out_, heap_);
    if (const Flow flow = run_body(stmt.body, inner); flow != Flow::kNext) return flow;
    text = heap_.text(output.take());
  }
  const Expr* filter = stmt.kind == StmtKind::kFilter ? stmt.target.get() : stmt.exprs[0].get();
  if (filter != nullptr) text = eval_native(*filter, inner, &text);
  if (stmt.kind == StmtKind::kFilter) {
    print(text);
  } else {
    assign(*stmt.target, text, scope);
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_with(const Stmt& stmt, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(scope);
  for (std::size_t i = 0; i < stmt.exprs.size(); i += 2) {
    assign(*stmt.exprs[i], eval(*stmt.exprs[i + 1], scope), inner);
  }
  return run_body(stmt.body, inner);
}

void Interpreter::print(const Value& value) {
  if (const Str* str = value.as_str()) {
    out_->add(str->text);
  } else {
    out_->add(to_text(heap_, value));
  }
  if (out_->size() > limits_.max_output) {
    fail(Fault::kLimit, "the template writes more than {} bytes", limits_.max_output);
  }
}

// ---- assignment

void Interpreter::check_members(const Expr& target, const ScopePtr& scope) {
  for (const ExprPtr& item : target.items) check_members(*item, scope);
  if (target.kind != ExprKind::kMember) return;
  const Value names = eval_name(target, scope);
  if (names.as<Namespace>() == nullptr) {
    fail(Fault::kRuntime, "cannot assign attribute on non-namespace object");
  }
}

void Interpreter::assign(const Expr& target, const Value& value, const ScopePtr& scope) {
  switch (target.kind) {
    case ExprKind::kName:
      return scope->set(target.symbol, value);
    case ExprKind::kMember: {
      const Value names = eval_name(target, scope);
      if (names.as<Namespace>() == nullptr) {
        fail(Fault::kRuntime, "cannot assign attribute on non-namespace object");
      }
      if (target.attribute.starts_with('_')) {
        fail(Fault::kSecurity, "a namespace takes no attributes that start with an underscore");
      }
      return names.as<Namespace>()->attributes.set(heap_.text(target.attribute, Origin::kTemplate),
                                                   value);
    }
    default:
      break;
  }
  if (value.as_list() == nullptr && !is_iterable(value)) {
    fail(Fault::kType, "cannot unpack non-iterable {} object", type_name(value));
  }
  const std::vector<Value> items = to_vector(heap_, value);
  if (items.size() != target.items.size()) {
    fail(Fault::kValue, "expected {} values to unpack, found {}", target.items.size(),
         items.size());
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(*target.items[i], items[i], scope);
}

}  // namespace sirocco::jinja
