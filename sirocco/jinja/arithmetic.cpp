#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"

namespace sirocco::jinja {
namespace {

constexpr Int kExactInDouble = Int{1} << 53;

[[noreturn]] void fail_overflow() {
  fail(Fault::kArithmetic, "an integer would need more than 128 bits");
}

bool exact(const Value& number) {
  const auto value = number.as_int();
  return value && *value > -kExactInDouble && *value < kExactInDouble;
}

Value concatenate(Heap& heap, const Value& a, const Value& b) {
  const Str& left = *a.as_str();
  const Str& right = *b.as_str();
  heap.expect(left.text.size() + right.text.size());
  const bool markup = left.markup || right.markup;
  Text out = markup && !left.markup ? escape_html(heap, a) : left.text;
  out.append(markup && !right.markup ? escape_html(heap, b) : right.text);
  return heap.text(std::move(out), markup);
}

Value repeat(Heap& heap, const Value& sequence, const Value& times) {
  const std::int64_t count = std::max<std::int64_t>(0, to_index(times));
  const Str* str = sequence.as_str();
  const std::size_t unit =
      str != nullptr ? str->text.size() : sequence.as_list()->items.size() * sizeof(Value);
  std::size_t total = 0;
  if (__builtin_mul_overflow(unit, static_cast<std::size_t>(count), &total)) {
    fail(Fault::kLimit, "a repetition is too long");
  }
  heap.expect(total);
  heap.touch(total);
  if (str != nullptr) {
    Text out;
    for (std::int64_t i = 0; i < count && unit > 0; ++i) out.append(str->text);
    return heap.text(std::move(out), str->markup);
  }
  const List& list = *sequence.as_list();
  std::vector<Value> items;
  for (std::int64_t i = 0; i < count && unit > 0; ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  const Origin origin = sequence.origin();
  return list.is_tuple() ? heap.tuple(std::move(items), origin)
                         : heap.list(std::move(items), origin);
}

Value int_operation(Binary operation, Int a, Int b, Origin origin) {
  Int result = 0;
  switch (operation) {
    case Binary::kAdd:
      if (__builtin_add_overflow(a, b, &result)) fail_overflow();
      break;
    case Binary::kSub:
      if (__builtin_sub_overflow(a, b, &result)) fail_overflow();
      break;
    case Binary::kMul:
      if (__builtin_mul_overflow(a, b, &result)) fail_overflow();
      break;
    case Binary::kDiv:
      if (b == 0) fail(Fault::kArithmetic, "division by zero");
      return Value::real(
          static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)), origin);
    case Binary::kFloorDiv:
    case Binary::kMod: {
      if (b == 0) fail(Fault::kArithmetic, "integer division or modulo by zero");
      if (b == -1) {  // the one quotient that may not fit
        if (operation == Binary::kFloorDiv && __builtin_sub_overflow(Int{0}, a, &result)) {
          fail_overflow();
        }
        break;
      }
      Int quotient = a / b;
      Int rest = a % b;
      if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        --quotient;
      }
      result = operation == Binary::kMod ? rest : quotient;
      break;
    }
    case Binary::kPow: {
      if (b < 0) {
        if (a == 0) fail(Fault::kArithmetic, "0.0 cannot be raised to a negative power");
        return Value::real(std::pow(static_cast<double>(a), static_cast<double>(b)), origin);
      }
      if (a == 0 || a == 1) {
        result = b == 0 ? 1 : a;
      } else if (a == -1) {
        result = b % 2 == 0 ? 1 : -1;
      } else {
        result = 1;
        for (Int i = 0; i < b; ++i) {
          if (__builtin_mul_overflow(result, a, &result)) fail_overflow();
        }
      }
      break;
    }
  }
  return Value::integer(result, origin);
}

/// Quotient and rest of floats as Python's divmod: the rest has the divisor's sign.
std::pair<double, double> float_divmod(double a, double b) {
  if (b == 0) fail(Fault::kArithmetic, "float floor division or modulo by zero");
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1.0;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), rest};
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1.0;
  return {floored, rest};
}

Value float_operation(Binary operation, double a, double b, Origin origin) {
  switch (operation) {
    case Binary::kAdd:
      return Value::real(a + b, origin);
    case Binary::kSub:
      return Value::real(a - b, origin);
    case Binary::kMul:
      return Value::real(a * b, origin);
    case Binary::kDiv:
      if (b == 0) fail(Fault::kArithmetic, "float division by zero");
      return Value::real(a / b, origin);
    case Binary::kFloorDiv:
      return Value::real(float_divmod(a, b).first, origin);
    case Binary::kMod:
      return Value::real(float_divmod(a, b).second, origin);
    case Binary::kPow:
      break;
  }
  if (a == 0 && b < 0) {
    fail(Fault::kArithmetic, "0.0 cannot be raised to a negative power");
  }
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    fail(Fault::kType, "complex numbers are not supported");
  }
  const double power = std::pow(a, b);
  if (std::isinf(power) && std::isfinite(a) && std::isfinite(b)) {
    fail(Fault::kArithmetic, "numerical result out of range");
  }
  return Value::real(power, origin);
}

constexpr std::string_view symbol(Binary operation) {
  switch (operation) {
    case Binary::kAdd:
      return "+";
    case Binary::kSub:
      return "-";
    case Binary::kMul:
      return "*";
    case Binary::kDiv:
      return "/";
    case Binary::kFloorDiv:
      return "//";
    case Binary::kMod:
      return "%";
    case Binary::kPow:
      return "**";
  }
  return "?";
}

}  // namespace

Int float_to_int(double value) {
  if (std::isnan(value)) fail(Fault::kValue, "cannot convert float NaN to integer");
  if (std::isinf(value)) fail(Fault::kArithmetic, "cannot convert float infinity to integer");
  if (std::abs(value) >= 1.7e38) fail_overflow();
  return static_cast<Int>(value);
}

Value binary(Heap& heap, Binary operation, const Value& a, const Value& b) {
  if (operation == Binary::kMod && a.as_str() != nullptr) {
    return heap.text(percent_format(heap, *a.as_str(), b), a.as_str()->markup);
  }
  require_defined(a, b);
  if (a.is_number() && b.is_number()) {
    const Origin origin = a.origin() | b.origin();
    const auto left = a.as_int();
    const auto right = b.as_int();
    if (left && right) {
      if (operation == Binary::kDiv && exact(a) && exact(b) && *right != 0) {
        return Value::real(static_cast<double>(*left) / static_cast<double>(*right), origin);
      }
      return int_operation(operation, *left, *right, origin);
    }
    return float_operation(operation, to_double(a), to_double(b), origin);
  }
  const List* left = a.as_list();
  const List* right = b.as_list();
  if (operation == Binary::kAdd) {
    if (a.as_str() != nullptr && b.as_str() != nullptr) return concatenate(heap, a, b);
    if (left != nullptr && right != nullptr && left->is_tuple() == right->is_tuple()) {
      heap.expect((left->items.size() + right->items.size()) * sizeof(Value));
      std::vector<Value> items = left->items;
      items.insert(items.end(), right->items.begin(), right->items.end());
      const Origin origin = a.origin() | b.origin();
      return left->is_tuple() ? heap.tuple(std::move(items), origin)
                              : heap.list(std::move(items), origin);
    }
  }
  if (operation == Binary::kMul) {
    if ((left != nullptr || a.as_str() != nullptr) && b.as_int()) return repeat(heap, a, b);
    if ((right != nullptr || b.as_str() != nullptr) && a.as_int()) return repeat(heap, b, a);
  }
  fail(Fault::kType, "unsupported operand type(s) for {}: '{}' and '{}'", symbol(operation),
       type_name(a), type_name(b));
}

Value negate(const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (const auto number = value.as_int()) {
    return int_operation(Binary::kSub, 0, *number, value.origin());
  }
  if (const double* number = value.as_float()) return Value::real(-*number, value.origin());
  fail(Fault::kType, "bad operand type for unary -: '{}'", type_name(value));
}

Value posit(const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (const auto number = value.as_int()) return Value::integer(*number, value.origin());
  if (value.is_float()) return value;
  fail(Fault::kType, "bad operand type for unary +: '{}'", type_name(value));
}

}  // namespace sirocco::jinja
