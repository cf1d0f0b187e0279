#include "sirocco/jinja/operators.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

constexpr Int kExactInDouble = Int{1} << 53;

[[noreturn]] void fail_undefined(const Value& value) {
  const Undefined& undefined = *value.as_undefined();
  fail(undefined.unsafe ? Fault::kSecurity : Fault::kUndefined, "{}", *undefined.message);
}

void require_defined(const Value& a, const Value& b) {
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
}

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

/// Which elements a slice takes: `count` of them from `first` in steps of `step`.
struct SliceRange {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::size_t count = 0;
  std::int64_t last = 0;  ///< where it stops
};

SliceRange resolve_slice(std::size_t size, const Value& start, const Value& stop,
                         const Value& step) {
  const auto length = static_cast<std::int64_t>(size);
  SliceRange range;
  range.step = step.is_none() ? 1 : to_index(step);
  if (range.step == 0) fail(Fault::kValue, "slice step cannot be zero");
  const bool back = range.step < 0;
  const std::int64_t low = back ? -1 : 0;
  const std::int64_t high = back ? length - 1 : length;
  const auto place = [&](const Value& index, std::int64_t otherwise) {
    if (index.is_none()) return otherwise;
    const std::int64_t at = to_index(index);
    return std::clamp(at < 0 ? at + length : at, low, high);
  };
  range.first = place(start, back ? high : low);
  range.last = place(stop, back ? low : high);
  const std::int64_t span = back ? range.first - range.last : range.last - range.first;
  if (span > 0) range.count = static_cast<std::size_t>((span - 1) / std::abs(range.step) + 1);
  return range;
}

Text slice_text(const Str& str, const SliceRange& range) {
  const Text& text = str.text;
  if (range.count == 0) return {};
  const auto first = static_cast<std::size_t>(range.first);
  if (range.step == 1 && str.ascii()) return text.substr(first, range.count);
  std::vector<std::size_t> starts;  // of each character, and the end
  starts.reserve(str.length + 1);
  for (std::size_t at = 0; at < text.size(); at += utf8_width(text.view(), at)) {
    starts.push_back(at);
  }
  starts.push_back(text.size());
  if (range.step == 1) {
    return text.substr(starts[first], starts[first + range.count] - starts[first]);
  }
  Text out;
  std::int64_t at = range.first;
  for (std::size_t i = 0; i < range.count; ++i, at += range.step) {
    const auto character = static_cast<std::size_t>(at);
    out.append(text, starts[character], starts[character + 1] - starts[character]);
  }
  return out;
}

}  // namespace

std::string_view type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_int()) return "int";
  if (value.is_float()) return "float";
  if (value.as_str() != nullptr) return value.as_str()->markup ? "Markup" : "str";
  if (const List* list = value.as_list()) return list->is_tuple() ? "tuple" : "list";
  if (value.as_dict() != nullptr) return "dict";
  return value.as_object()->type_name();
}

bool has_length(const Value& value) {
  return value.is_undefined() || value.as_str() != nullptr || value.as_list() != nullptr ||
         value.as_dict() != nullptr || value.as<Range>() != nullptr ||
         value.as<DictView>() != nullptr || value.as<Sized>() != nullptr;
}

std::size_t length_of(Heap& heap, const Value& value) {
  if (value.is_undefined()) return 0;
  if (const Str* str = value.as_str()) return str->length;
  if (const List* list = value.as_list()) return list->items.size();
  if (const Dict* dict = value.as_dict()) return dict->size();
  if (const Range* range = value.as<Range>()) return static_cast<std::size_t>(range->length);
  if (const DictView* view = value.as<DictView>()) return view->entries().size();
  if (Sized* sized = value.as<Sized>()) return sized->length(heap);
  fail(Fault::kType, "object of type '{}' has no len()", type_name(value));
}

bool truthy(Heap& heap, const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = value.as_int()) return *number != 0;
  if (const double* number = value.as_float()) return *number != 0;
  return !has_length(value) || length_of(heap, value) != 0;
}

double to_double(const Value& number) {
  if (const auto value = number.as_int()) return static_cast<double>(*value);
  if (const double* value = number.as_float()) return *value;
  if (number.is_undefined()) fail_undefined(number);
  fail(Fault::kType, "must be a real number, not {}", type_name(number));
}

std::int64_t to_index(const Value& value) {
  const auto index = value.as_int();
  if (!index) {
    fail(Fault::kType, "'{}' object cannot be interpreted as an integer", type_name(value));
  }
  constexpr Int kEnd = Int{1} << 62;
  return static_cast<std::int64_t>(std::clamp(*index, -kEnd, kEnd));
}

Int float_to_int(double value) {
  if (std::isnan(value)) fail(Fault::kValue, "cannot convert float NaN to integer");
  if (std::isinf(value)) fail(Fault::kArithmetic, "cannot convert float infinity to integer");
  if (std::abs(value) >= 1.7e38) fail_overflow();
  return static_cast<Int>(value);
}

int number_order(const Value& a, const Value& b) {
  const auto left = a.as_int();
  const auto right = b.as_int();
  if (left && right) return *left < *right ? -1 : *left > *right ? 1 : 0;
  const auto wide = [](const Value& number) {
    const auto value = number.as_int();
    return value ? static_cast<long double>(*value) : static_cast<long double>(*number.as_float());
  };
  const long double x = wide(a);
  const long double y = wide(b);
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) ? (std::isnan(y) ? 0 : 1) : -1;
  return x < y ? -1 : x > y ? 1 : 0;
}

bool is_hashable(const Value& value) {
  if (value.as_dict() != nullptr) return false;
  if (const DictView* view = value.as<DictView>()) return view->part == DictView::Part::kValues;
  const List* list = value.as_list();
  if (list == nullptr) return true;
  return list->is_tuple() && std::all_of(list->items.begin(), list->items.end(), is_hashable);
}

bool same_object(const Value& a, const Value& b) {
  if (a.storage().index() != b.storage().index()) return false;
  if (a.is_none()) return true;
  if (const bool* left = a.as_bool()) return *left == *b.as_bool();
  if (a.is_int()) return *a.as_int() == *b.as_int();
  if (const Str* left = a.as_str()) {
    const Str* right = b.as_str();
    return left == right || (left->length <= 1 && left->text.view() == right->text.view());
  }
  if (const List* left = a.as_list()) {
    return left == b.as_list() || (left->is_tuple() && left->items.empty() &&
                                   b.as_list()->is_tuple() && b.as_list()->items.empty());
  }
  if (a.as_dict() != nullptr) return a.as_dict() == b.as_dict();
  if (a.as_object() != nullptr) return a.as_object() == b.as_object();
  if (a.is_undefined()) return a.as_undefined()->message == b.as_undefined()->message;
  return false;
}

bool equals(Heap& heap, const Value& a, const Value& b) {
  heap.step();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_number() && b.is_number()) {
    const auto nan = [](const Value& v) { return v.is_float() && std::isnan(*v.as_float()); };
    return !nan(a) && !nan(b) && number_order(a, b) == 0;
  }
  if (const Str* left = a.as_str()) {
    const Str* right = b.as_str();
    if (right == nullptr || left->text.size() != right->text.size()) return false;
    heap.touch(left->text.size());
    return left->text.view() == right->text.view();
  }
  if (same_object(a, b)) return true;
  if (const List* left = a.as_list()) {
    const List* right = b.as_list();
    if (right == nullptr || left->is_tuple() != right->is_tuple() ||
        left->items.size() != right->items.size()) {
      return false;
    }
    for (std::size_t i = 0; i < left->items.size(); ++i) {
      if (!same_object(left->items[i], right->items[i]) &&
          !equals(heap, left->items[i], right->items[i])) {
        return false;
      }
    }
    return true;
  }
  if (const Dict* left = a.as_dict()) {
    const Dict* right = b.as_dict();
    if (right == nullptr || left->size() != right->size()) return false;
    for (const auto& [key, value] : left->entries()) {
      const Value* other = right->find(key);
      if (other == nullptr || !(same_object(value, *other) || equals(heap, value, *other))) {
        return false;
      }
    }
    return true;
  }
  if (const Range* left = a.as<Range>()) {
    const Range* right = b.as<Range>();
    return right != nullptr && left->length == right->length &&
           (left->length == 0 ||
            (left->start == right->start && (left->length == 1 || left->stride == right->stride)));
  }
  return false;
}

namespace {

bool ordered(Heap& heap, const Value& a, const Value& b, bool or_equal) {
  require_defined(a, b);
  heap.step();
  if (a.is_number() && b.is_number()) {
    if (a.is_float() && std::isnan(*a.as_float())) return false;
    if (b.is_float() && std::isnan(*b.as_float())) return false;
    const int order = number_order(a, b);
    return order < 0 || (or_equal && order == 0);
  }
  if (a.as_str() != nullptr && b.as_str() != nullptr) {
    // UTF-8 sorts as its code points do.
    const int order = a.as_str()->text.view().compare(b.as_str()->text.view());
    heap.touch(a.as_str()->text.size());
    return order < 0 || (or_equal && order == 0);
  }
  const List* left = a.as_list();
  const List* right = b.as_list();
  if (left != nullptr && right != nullptr && left->is_tuple() == right->is_tuple()) {
    for (std::size_t i = 0; i < std::min(left->items.size(), right->items.size()); ++i) {
      const Value& x = left->items[i];
      const Value& y = right->items[i];
      if (!same_object(x, y) && !equals(heap, x, y)) return ordered(heap, x, y, or_equal);
    }
    return or_equal ? left->items.size() <= right->items.size()
                    : left->items.size() < right->items.size();
  }
  fail(Fault::kType, "'<' not supported between instances of '{}' and '{}'", type_name(a),
       type_name(b));
}

}  // namespace

bool less(Heap& heap, const Value& a, const Value& b) { return ordered(heap, a, b, false); }
bool less_equal(Heap& heap, const Value& a, const Value& b) { return ordered(heap, a, b, true); }

bool contains(Heap& heap, const Value& container, const Value& item) {
  if (const Str* str = container.as_str()) {
    const Str* part = item.as_str();
    if (part == nullptr) {
      fail(Fault::kType, "'in <string>' requires string as left operand, not {}", type_name(item));
    }
    heap.touch(str->text.size());
    return str->text.view().find(part->text.view()) != std::string_view::npos;
  }
  if (const Dict* dict = container.as_dict()) return dict->find(item) != nullptr;
  if (const DictView* view = container.as<DictView>();
      view != nullptr && view->part == DictView::Part::kKeys) {
    return view->entries().find(item) != nullptr;
  }
  if (!is_iterable(container)) {
    fail(Fault::kType, "argument of type '{}' is not iterable", type_name(container));
  }
  const auto iterator = iterate(heap, container);
  Value other;
  while (iterator->next(other)) {
    if (same_object(other, item) || equals(heap, other, item)) return true;
  }
  return false;
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

Value slice(Heap& heap, const Value& value, const Value& start, const Value& stop,
            const Value& step) {
  if (value.is_undefined()) fail_undefined(value);
  if (const Str* str = value.as_str()) {
    const SliceRange range = resolve_slice(str->length, start, stop, step);
    heap.touch(str->ascii() ? range.count : str->text.size());
    return heap.text(slice_text(*str, range), str->markup);
  }
  if (const List* list = value.as_list()) {
    const SliceRange range = resolve_slice(list->items.size(), start, stop, step);
    heap.expect(range.count * sizeof(Value));
    std::vector<Value> items;
    items.reserve(range.count);
    std::int64_t at = range.first;
    for (std::size_t i = 0; i < range.count; ++i, at += range.step) {
      items.push_back(list->items[static_cast<std::size_t>(at)]);
    }
    return list->is_tuple() ? heap.tuple(std::move(items), value.origin())
                            : heap.list(std::move(items), value.origin());
  }
  if (const Range* range = value.as<Range>()) {
    const SliceRange part =
        resolve_slice(static_cast<std::size_t>(range->length), start, stop, step);
    auto sliced =
        make_object<Range>(heap, 0, range->start + part.first * range->stride,
                           range->stride * part.step, static_cast<Int>(part.count), range->origin);
    sliced->written_stop = range->start + part.last * range->stride;
    return object_value(std::move(sliced));
  }
  fail(Fault::kType, "'{}' object is not subscriptable", type_name(value));
}

std::optional<Value> element(Heap& heap, const Value& value, const Value& index) {
  const auto at = [&](std::size_t size) -> std::optional<std::size_t> {
    std::int64_t position = to_index(index);
    if (position < 0) position += static_cast<std::int64_t>(size);
    if (position < 0 || position >= static_cast<std::int64_t>(size)) return std::nullopt;
    return static_cast<std::size_t>(position);
  };
  if (const List* list = value.as_list()) {
    const auto position = at(list->items.size());
    return position ? std::optional(list->items[*position]) : std::nullopt;
  }
  if (const Str* str = value.as_str()) {
    const auto position = at(str->length);
    if (!position) return std::nullopt;
    heap.touch(str->ascii() ? 1 : str->text.size());
    return heap.text(slice_text(*str, {static_cast<std::int64_t>(*position), 1, 1, 0}),
                     str->markup);
  }
  if (const Range* range = value.as<Range>()) {
    const auto position = at(static_cast<std::size_t>(range->length));
    return position ? std::optional(range->at(static_cast<Int>(*position))) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<Value> sort_by_keys(Heap& heap, std::vector<Value> items,
                                const std::vector<Value>& keys, bool reverse) {
  // A merge sort of our own: keys that don't form an order (NaN) only give some order.
  const std::size_t count = items.size();
  heap.expect(count * (2 * sizeof(std::size_t) + sizeof(Value)));
  std::vector<std::size_t> order(count);
  std::vector<std::size_t> merged(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t width = 1; width < count; width *= 2) {
    for (std::size_t begin = 0; begin < count; begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, count);
      const std::size_t end = std::min(begin + 2 * width, count);
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t out = begin; out < end; ++out) {
        bool take_right = left == middle;
        if (!take_right && right < end) {
          const Value& a = keys[order[left]];
          const Value& b = keys[order[right]];
          take_right = reverse ? less(heap, a, b) : less(heap, b, a);
        }
        merged[out] = take_right ? order[right++] : order[left++];
      }
    }
    order.swap(merged);
  }
  std::vector<Value> sorted;
  sorted.reserve(count);
  for (const std::size_t at : order) sorted.push_back(std::move(items[at]));
  return sorted;
}

}  // namespace sirocco::jinja
