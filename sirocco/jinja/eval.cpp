#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/interpreter.hpp"
#include "sirocco/jinja/loop.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/operators.hpp"

namespace sirocco::jinja {
namespace {

/// How messages call the holder of a missing member.
std::string holder(const Value& value) {
  return value.is_none() ? "None" : fmt::format("'{} object'", type_name(value));
}

/// The message of jinja2's Undefined for a call block's missing else.
constexpr const char* kNoElse = "the inline if-expression was false and has no else";

}  // namespace

Value Interpreter::eval(const Expr& expr, const ScopePtr& scope) {
  const DepthGuard depth(nesting_);
  heap_.step();
  switch (expr.kind) {
    case ExprKind::kConst:
      return expr.value;
    case ExprKind::kName:
    case ExprKind::kMember:
      return eval_name(expr, scope);
    case ExprKind::kTuple:
    case ExprKind::kList:
    case ExprKind::kDict:
      return eval_container(expr, scope);
    case ExprKind::kNot:
      return Value::boolean(!truthy(heap_, eval(*expr.items[0], scope)));
    case ExprKind::kNegate:
      return negate(eval(*expr.items[0], scope));
    case ExprKind::kPosit:
      return posit(eval(*expr.items[0], scope));
    case ExprKind::kBinary:
      return eval_binary(expr, scope);
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return eval_logic(expr, scope);
    case ExprKind::kCompare:
      return eval_compare(expr, scope);
    case ExprKind::kConcat:
      return eval_concat(expr, scope);
    case ExprKind::kCondition:
      return eval_condition(expr, scope);
    case ExprKind::kGetattr: {
      const Value holder_value = eval(*expr.items[0], scope);
      line_ = expr.line;
      return attribute(holder_value, expr.attribute);
    }
    case ExprKind::kGetitem:
      return eval_getitem(expr, scope);
    case ExprKind::kSlice:
      fail(Fault::kType, "a slice can't be part of an index");
    case ExprKind::kCall:
      return eval_call(expr, scope, nullptr);
    case ExprKind::kFilter:
    case ExprKind::kTest:
      return eval_native(expr, scope, nullptr);
  }
  return Value::none();
}

Value Interpreter::eval_name(const Expr& expr, const ScopePtr& scope) {
  if (const Value* value = scope->find(expr.symbol)) return *value;
  const auto& global = globals_[static_cast<std::size_t>(expr.symbol)];
  return global ? *global : make_undefined(expr.symbol);
}

Value Interpreter::eval_container(const Expr& expr, const ScopePtr& scope) {
  if (expr.kind == ExprKind::kDict) {
    Dict dict;
    for (std::size_t i = 0; i < expr.items.size(); i += 2) {
      Value key = eval(*expr.items[i], scope);
      dict.set(std::move(key), eval(*expr.items[i + 1], scope));
    }
    return heap_.dict(std::move(dict), Origin::kTemplate);
  }
  std::vector<Value> items;
  items.reserve(expr.items.size());
  for (const ExprPtr& item : expr.items) items.push_back(eval(*item, scope));
  return expr.kind == ExprKind::kList ? heap_.list(std::move(items), Origin::kTemplate)
                                      : heap_.tuple(std::move(items), Origin::kTemplate);
}

Value Interpreter::eval_binary(const Expr& expr, const ScopePtr& scope) {
  const Value left = eval(*expr.items[0], scope);
  const Value right = eval(*expr.items[1], scope);
  line_ = expr.line;
  return binary(heap_, expr.binary, left, right);
}

Value Interpreter::eval_logic(const Expr& expr, const ScopePtr& scope) {
  Value left = eval(*expr.items[0], scope);
  const bool decided = truthy(heap_, left) == (expr.kind == ExprKind::kOr);
  return decided ? left : eval(*expr.items[1], scope);
}

Value Interpreter::eval_compare(const Expr& expr, const ScopePtr& scope) {
  Value left = eval(*expr.items[0], scope);
  for (std::size_t i = 0; i < expr.comparisons.size(); ++i) {
    Value right = eval(*expr.items[i + 1], scope);
    line_ = expr.line;
    bool holds = false;
    switch (expr.comparisons[i]) {
      case Comparison::kEq:
        holds = equals(heap_, left, right);
        break;
      case Comparison::kNe:
        holds = !equals(heap_, left, right);
        break;
      case Comparison::kLt:
        holds = less(heap_, left, right);
        break;
      case Comparison::kLe:
        holds = less_equal(heap_, left, right);
        break;
      case Comparison::kGt:
        holds = less(heap_, right, left);
        break;
      case Comparison::kGe:
        holds = less_equal(heap_, right, left);
        break;
      case Comparison::kIn:
        holds = contains(heap_, right, left);
        break;
      case Comparison::kNotIn:
        holds = !contains(heap_, right, left);
        break;
    }
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::eval_concat(const Expr& expr, const ScopePtr& scope) {
  std::vector<Value> parts;
  for (const ExprPtr& item : expr.items) parts.push_back(eval(*item, scope));
  TextBuilder out(heap_);
  for (const Value& part : parts) {
    if (const Str* str = part.as_str()) {
      out.add(str->text);
    } else {
      out.add(to_text(heap_, part));
    }
  }
  return heap_.text(out.take());
}

Value Interpreter::eval_condition(const Expr& expr, const ScopePtr& scope) {
  if (truthy(heap_, eval(*expr.items[0], scope))) return eval(*expr.items[1], scope);
  return expr.items[2] != nullptr ? eval(*expr.items[2], scope) : Value::undefined(kNoElse);
}

Value Interpreter::eval_getitem(const Expr& expr, const ScopePtr& scope) {
  const Value value = eval(*expr.items[0], scope);
  const Expr& index = *expr.items[1];
  if (index.kind != ExprKind::kSlice) {
    const Value key = eval(index, scope);
    line_ = expr.line;
    return item(value, key);
  }
  const auto bound = [&](std::size_t i) {
    return index.items[i] != nullptr ? eval(*index.items[i], scope) : Value::none();
  };
  const Value start = bound(0);
  const Value stop = bound(1);
  const Value step = bound(2);
  line_ = expr.line;
  return slice(heap_, value, start, stop, step);
}

Arguments Interpreter::eval_arguments(const CallArguments& call, const ScopePtr& scope) {
  Arguments arguments;
  for (const ExprPtr& argument : call.positional) {
    arguments.positional.push_back(eval(*argument, scope));
  }
  // Python evaluates *args before keywords.
  if (call.star != nullptr) {
    for (Value& value : to_vector(heap_, eval(*call.star, scope))) {
      arguments.positional.push_back(std::move(value));
    }
  }
  for (const auto& [name, argument] : call.named) {
    arguments.named.emplace_back(name, eval(*argument, scope));
  }
  if (call.star_star != nullptr) {
    const Value value = eval(*call.star_star, scope);
    const Dict* rest = value.as_dict();
    if (rest == nullptr) {
      fail(Fault::kType, "argument after ** must be a mapping, not {}", type_name(value));
    }
    for (const auto& [key, argument] : rest->entries()) {
      const Str* name = key.as_str();
      if (name == nullptr) fail(Fault::kType, "keywords must be strings");
      for (const auto& [other, unused] : arguments.named) {
        if (other == name->text.view()) {
          fail(Fault::kType, "the keyword argument {} is given twice", quoted(other));
        }
      }
      arguments.named.emplace_back(name->text.bytes(), argument);
    }
  }
  return arguments;
}

Value Interpreter::eval_call(const Expr& expr, const ScopePtr& scope, const Value* caller) {
  const Value callee = eval(*expr.items[0], scope);
  Arguments arguments = eval_arguments(*expr.call, scope);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = expr.line;
  return call(callee, arguments);
}

Value Interpreter::eval_native(const Expr& expr, const ScopePtr& scope, const Value* text) {
  const DepthGuard depth(nesting_);
  const Value self = expr.items[0] == nullptr
                         ? *text
                         : (text != nullptr && expr.items[0]->kind == ExprKind::kFilter
                                ? eval_native(*expr.items[0], scope, text)
                                : eval(*expr.items[0], scope));
  Arguments arguments = eval_arguments(*expr.call, scope);
  line_ = expr.line;
  if (expr.native == nullptr) {
    fail(Fault::kRuntime, "there is no {} named {}",
         expr.kind == ExprKind::kFilter ? "filter" : "test", quoted(expr.attribute));
  }
  return (*expr.native)(*this, self, arguments);
}

Value Interpreter::call(const Value& callee, Arguments& arguments) {
  const DepthGuard depth(nesting_);
  if (callee.is_undefined()) fail_undefined(callee);
  Callable* callable = callee.as<Callable>();
  if (callable == nullptr) {
    fail(Fault::kType, "'{}' object is not callable", type_name(callee));
  }
  // What is called may leave the last reference to itself.
  const Value kept = callee;  // NOLINT(performance-unnecessary-copy-initialization)
  return callable->call(*this, arguments);
}

Value Interpreter::attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) fail_undefined(value);
  if (Loop* loop = value.as<Loop>()) {
    if (auto found = loop->attribute(heap_, value, name)) return *std::move(found);
  } else if (const Namespace* names = value.as<Namespace>()) {
    if (const Value* found = names->attributes.find(name)) return *found;
  } else if (auto found = find_attribute(*this, value, name)) {
    return *std::move(found);
  }
  if (const Dict* dict = value.as_dict()) {
    if (const Value* found = dict->find(name)) return *found;
  }
  if (name.starts_with("__")) {
    return Value::undefined(fmt::format("access to attribute {} is unsafe", quoted(name)), true);
  }
  return Value::undefined(fmt::format("{} has no attribute {}", holder(value), quoted(name)));
}

Value Interpreter::item(const Value& value, const Value& key) {
  if (value.is_undefined()) fail_undefined(value);
  const Dict* dict = value.as_dict();
  if (dict != nullptr) {
    if (const Value* found = is_hashable(key) ? dict->find(key) : nullptr) return *found;
  } else if (key.as_int()) {
    if (auto found = element(heap_, value, key)) return *std::move(found);
  }
  if (const Str* name = key.as_str()) {
    if (dict == nullptr) return attribute(value, name->text.view());
    if (auto found = find_attribute(*this, value, name->text.view())) return *std::move(found);
  }
  const Text shown = to_repr(heap_, key);
  return Value::undefined(fmt::format("{} has no element {}", holder(value), quoted(shown.view())));
}

}  // namespace sirocco::jinja
