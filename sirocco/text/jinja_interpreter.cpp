#include "sirocco/text/jinja_interpreter.hpp"

#include <algorithm>
#include <unordered_map>

#include "sirocco/base/error.hpp"
#include "sirocco/text/jinja_fault.hpp"
#include "sirocco/text/jinja_loop.hpp"

namespace sirocco::jinja {
namespace {

/// Macros and recursive loops inside one another; about where Python gives up too.
constexpr int kMaxCalls = 150;

class Macro : public Described {
 public:
  Macro(const MacroDefinition& definition, ScopePtr scope, bool anonymous)
      : definition_(definition), scope_(std::move(scope)), anonymous_(anonymous) {}

  std::string_view type_name() const override { return "Macro"; }
  std::string describe(Heap&) override {
    return anonymous_ ? "<Macro anonymous>" : "<Macro '" + definition_.name + "'>";
  }
  std::optional<Value> member(Heap& heap, std::string_view name) override {
    if (name == "name") {
      return anonymous_ ? Value::none() : heap.text(definition_.name, Origin::kTemplate);
    }
    if (name == "arguments") {
      std::vector<Value> names;
      for (const std::string& parameter : definition_.names) {
        names.push_back(heap.text(parameter, Origin::kTemplate));
      }
      return heap.tuple(std::move(names), Origin::kTemplate);
    }
    if (name == "catch_kwargs") return Value::boolean(definition_.uses_kwargs);
    if (name == "catch_varargs") return Value::boolean(definition_.uses_varargs);
    if (name == "caller") return Value::boolean(definition_.uses_caller);
    return std::nullopt;
  }
  Value call(Interpreter& interpreter, Arguments& arguments) override {
    return interpreter.heap().text(
        interpreter.run_macro(definition_, scope_, arguments, anonymous_));
  }

 private:
  const MacroDefinition& definition_;
  ScopePtr scope_;
  bool anonymous_;
};

}  // namespace

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

/// Gathers what is printed while it lives.
class Interpreter::Output {
 public:
  explicit Output(Interpreter& interpreter)
      : interpreter_(interpreter), text_(interpreter.heap_), outer_(interpreter.out_) {
    interpreter_.out_ = &text_;
  }
  ~Output() { interpreter_.out_ = outer_; }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  Text take() { return text_.take(); }

 private:
  Interpreter& interpreter_;
  TextBuilder text_;
  TextBuilder* outer_;
};

Interpreter::Interpreter(const Program& program, const Limits& limits, const Clock& clock,
                         const std::vector<std::pair<std::string, Value>>& variables)
    : program_(program),
      limits_(limits),
      clock_(clock),
      heap_(limits.max_memory, limits.max_steps),
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
  Output output(*this);
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
    loop = make_object<Loop>(heap_, depth_of(looped), stmt, scope, looped, iterator, level);
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
  Output output(*this);
  run_for(loop, scope, iterable, level);
  return output.take();
}

Interpreter::Flow Interpreter::run_captured(const Stmt& stmt, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(scope);
  Value text;
  {
    Output output(*this);
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

Value Interpreter::macro_value(const MacroDefinition& macro, const ScopePtr& scope) {
  if (closures_.empty() || closures_.back() != scope) closures_.push_back(scope);
  return object_value(make_object<Macro>(heap_, 0, macro, scope, macro.symbol < 0));
}

void Interpreter::define_macro(const Stmt& stmt, const ScopePtr& scope) {
  scope->set(stmt.macro->symbol, macro_value(*stmt.macro, scope));
}

void Interpreter::run_call_block(const Stmt& stmt, const ScopePtr& scope) {
  const Value caller = macro_value(*stmt.macro, scope);
  print(eval_call(*stmt.target, scope, &caller));
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

Text Interpreter::run_macro(const MacroDefinition& macro, const ScopePtr& scope,
                            Arguments& arguments, bool anonymous) {
  if (calls_ >= kMaxCalls) {
    fail(Fault::kLimit, "macros call one another more than {} levels deep", kMaxCalls);
  }
  const std::string name = anonymous ? "the call block" : "macro " + quoted(macro.name);
  auto& positional = arguments.positional;
  auto& named = arguments.named;
  const auto take_named = [&](std::string_view key) -> std::optional<Value> {
    for (auto it = named.begin(); it != named.end(); ++it) {
      if (it->first != key) continue;
      std::optional<Value> value(it->second);
      named.erase(it);
      return value;
    }
    return std::nullopt;
  };
  const auto inner = std::make_shared<Scope>(scope);
  const std::size_t count = macro.parameters.size();
  const std::size_t given = std::min(positional.size(), count);
  std::vector<std::optional<Value>> values(count);
  bool found_caller = given == count && macro.explicit_caller;
  for (std::size_t i = 0; i < count; ++i) {
    if (i < given) {
      values[i] = positional[i];
    } else {
      if (macro.parameters[i] == kCaller) found_caller = true;
      values[i] = take_named(macro.names[i]);
    }
    // Defaults may not see what a parameter's name means outside.
    inner->set(macro.parameters[i], values[i] ? *values[i] : make_undefined(macro.parameters[i]));
  }
  if (macro.uses_caller && !found_caller) {
    std::optional<Value> caller = take_named("caller");
    const bool none = !caller || caller->is_none();
    inner->set(kCaller, none ? Value::undefined("no caller defined") : *caller);
  }
  if (macro.uses_kwargs) {
    Dict rest;
    for (auto& [key, value] : named) rest.set(heap_.text(key, Origin::kTemplate), value);
    inner->set(kKwargs, heap_.dict(std::move(rest), Origin::kTemplate));
  } else if (!named.empty()) {
    fail(Fault::kType, "{} takes no keyword argument {}", name, quoted(named[0].first));
  }
  if (macro.uses_varargs) {
    std::vector<Value> rest(positional.begin() + static_cast<std::ptrdiff_t>(given),
                            positional.end());
    inner->set(kVarargs, heap_.tuple(std::move(rest), Origin::kTemplate));
  } else if (positional.size() > count) {
    fail(Fault::kType, "{} takes not more than {} arguments", name, count);
  }
  struct CallCount {
    explicit CallCount(int& calls) : calls_(calls) { ++calls_; }
    ~CallCount() { --calls_; }
    int& calls_;
  } const call_count(calls_);
  const std::size_t first_default = count - macro.defaults.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (values[i] || i < first_default) continue;
    inner->set(macro.parameters[i], eval(*macro.defaults[i - first_default], inner));
  }
  Output output(*this);
  run_body(macro.body, inner);
  return output.take();
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
