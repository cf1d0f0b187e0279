#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/interpreter.hpp"

namespace sirocco::jinja {
namespace {

/// Moves the named argument `key` into `value`; false where there is none.
bool take_named(Arguments& arguments, std::string_view key, Value& value) {
  auto& named = arguments.named;
  const auto found =
      std::ranges::find(named, key, [](const auto& each) -> const auto& { return each.first; });
  if (found == named.end()) return false;
  value = std::move(found->second);
  named.erase(found);
  return true;
}

}  // namespace

/// A macro or a call block's body with the scope that it was written in.
class Interpreter::Macro : public Described {
 public:
  Macro(Interpreter& interpreter, const MacroDefinition& definition, ScopePtr scope)
      : interpreter_(interpreter), definition_(definition), scope_(std::move(scope)) {}

  std::string_view type_name() const override { return "Macro"; }
  std::string describe(Heap&) override {
    return anonymous() ? "<Macro anonymous>" : "<Macro '" + definition_.name + "'>";
  }
  std::optional<Value> member(Heap& heap, std::string_view name) override;
  Value call(Runtime& runtime, Arguments& arguments) override;

 private:
  bool anonymous() const { return definition_.symbol < 0; }
  std::string shown_name() const {
    return anonymous() ? "the call block" : "macro " + quoted(definition_.name);
  }
  std::size_t given(const Arguments& arguments) const {
    return std::min(arguments.positional.size(), definition_.parameters.size());
  }
  /// As jinja2 has it: not where it is among fewer positional arguments than there are parameters.
  bool bound_as_parameter(Symbol name, std::size_t first_named) const {
    const auto& names = definition_.parameters;
    const auto at = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    return at < names.size() && (first_named == names.size() || at >= first_named);
  }

  // The steps of a call, in their order. Each takes what it uses out of the named arguments.
  std::vector<bool> bind_parameters(Arguments& arguments, Scope& scope) const;
  void bind_caller(Arguments& arguments, Scope& scope) const;
  void bind_others(Arguments& arguments, Scope& scope) const;
  void bind_defaults(const std::vector<bool>& bound, const ScopePtr& scope) const;

  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  ScopePtr scope_;
};

std::optional<Value> Interpreter::Macro::member(Heap& heap, std::string_view name) {
  if (name == "name") {
    return anonymous() ? Value::none() : heap.text(definition_.name, Origin::kTemplate);
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

Value Interpreter::Macro::call(Runtime& /*runtime*/, Arguments& arguments) {
  if (interpreter_.calls_ >= kMaxCalls) {
    fail(Fault::kLimit, "macros call one another more than {} levels deep", kMaxCalls);
  }
  const auto inner = std::make_shared<Scope>(scope_);
  const std::vector<bool> bound = bind_parameters(arguments, *inner);
  bind_caller(arguments, *inner);
  bind_others(arguments, *inner);
  struct CallCount {
    explicit CallCount(int& calls) : calls_(calls) { ++calls_; }
    ~CallCount() { --calls_; }
    int& calls_;
  } const call_count(interpreter_.calls_);
  bind_defaults(bound, inner);
  Output output(interpreter_.out_, interpreter_.heap_);
  interpreter_.run_body(definition_.body, inner);
  return interpreter_.heap_.text(output.take());
}

/// Which of the parameters have got a value.
std::vector<bool> Interpreter::Macro::bind_parameters(Arguments& arguments, Scope& scope) const {
  const std::size_t count = definition_.parameters.size();
  const std::size_t first_named = given(arguments);
  std::vector<bool> bound(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Symbol parameter = definition_.parameters[i];
    // Defaults may not see what a parameter's name means outside.
    Value value = interpreter_.make_undefined(parameter);
    if (i < first_named) value = arguments.positional[i];
    bound[i] = i < first_named || take_named(arguments, definition_.names[i], value);
    scope.set(parameter, std::move(value));
  }
  return bound;
}

void Interpreter::Macro::bind_caller(Arguments& arguments, Scope& scope) const {
  if (!definition_.uses_caller || bound_as_parameter(kCaller, given(arguments))) return;
  Value caller;
  take_named(arguments, "caller", caller);
  scope.set(kCaller, caller.is_none() ? Value::undefined("no caller defined") : std::move(caller));
}

void Interpreter::Macro::bind_others(Arguments& arguments, Scope& scope) const {
  Heap& heap = interpreter_.heap_;
  if (definition_.uses_kwargs) {
    Dict rest;
    for (auto& [key, value] : arguments.named) rest.set(heap.text(key, Origin::kTemplate), value);
    scope.set(kKwargs, heap.dict(std::move(rest), Origin::kTemplate));
  } else if (!arguments.named.empty()) {
    fail(Fault::kType, "{} takes no keyword argument {}", shown_name(),
         quoted(arguments.named[0].first));
  }
  const auto& positional = arguments.positional;
  if (definition_.uses_varargs) {
    const auto first = positional.begin() + static_cast<std::ptrdiff_t>(given(arguments));
    scope.set(kVarargs, heap.tuple(std::vector<Value>(first, positional.end()), Origin::kTemplate));
  } else if (positional.size() > definition_.parameters.size()) {
    fail(Fault::kType, "{} takes not more than {} arguments", shown_name(),
         definition_.parameters.size());
  }
}

void Interpreter::Macro::bind_defaults(const std::vector<bool>& bound,
                                       const ScopePtr& scope) const {
  const std::size_t first = bound.size() - definition_.defaults.size();
  for (std::size_t i = first; i < bound.size(); ++i) {
    if (bound[i]) continue;
    scope->set(definition_.parameters[i],
               interpreter_.eval(*definition_.defaults[i - first], scope));
  }
}

Value Interpreter::macro_value(const MacroDefinition& macro, const ScopePtr& scope) {
  if (closures_.empty() || closures_.back() != scope) closures_.push_back(scope);
  return object_value(make_object<Macro>(heap_, 0, *this, macro, scope));
}

void Interpreter::define_macro(const Stmt& stmt, const ScopePtr& scope) {
  scope->set(stmt.macro->symbol, macro_value(*stmt.macro, scope));
}

void Interpreter::run_call_block(const Stmt& stmt, const ScopePtr& scope) {
  const Value caller = macro_value(*stmt.macro, scope);
  print(eval_call(*stmt.target, scope, &caller));
}

}  // namespace sirocco::jinja
