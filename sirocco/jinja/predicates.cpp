#include <array>

#include "sirocco/jinja/ast.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

/// A test that only looks at its value.
template <auto F>
Value property(Runtime&, const Value& self, const Bound&) {
  return Value::boolean(F(self));
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is_bool(); }
bool is_true(const Value& value) { return value.is_bool() && *value.as_bool(); }
bool is_false(const Value& value) { return value.is_bool() && !*value.as_bool(); }
bool is_integer(const Value& value) { return value.is_int(); }
bool is_float(const Value& value) { return value.is_float(); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.as_str() != nullptr; }
bool is_mapping(const Value& value) { return value.as_dict() != nullptr; }
bool is_sequence(const Value& value) {
  return value.is_undefined() || value.as_str() != nullptr || value.as_list() != nullptr ||
         value.as_dict() != nullptr || value.as<Range>() != nullptr;
}
bool is_callable(const Value& value) {
  return value.is_undefined() || value.as<Callable>() != nullptr;
}
bool is_escaped(const Value& value) { return value.as_str() != nullptr && value.as_str()->markup; }

template <bool kUpper>
Value test_case(Runtime& runtime, const Value& self, const Bound&) {
  return Value::boolean(all_cased(to_text(runtime.heap(), self).view(), kUpper));
}

Value remainder(Runtime& runtime, const Value& self, const Value& divisor) {
  return binary(runtime.heap(), Binary::kMod, self, divisor);
}

template <int kRest>
Value test_parity(Runtime& runtime, const Value& self, const Bound&) {
  return Value::boolean(
      equals(runtime.heap(), remainder(runtime, self, Value::integer(2)), Value::integer(kRest)));
}

Value test_divisible(Runtime& runtime, const Value& self, const Bound& arguments) {
  return Value::boolean(
      equals(runtime.heap(), remainder(runtime, self, arguments.at(0)), Value::integer(0)));
}

template <const Native* (*kFind)(std::string_view)>
Value test_known(Runtime&, const Value& self, const Bound&) {
  if (!is_hashable(self)) fail(Fault::kType, "unhashable type: '{}'", type_name(self));
  const Str* str = self.as_str();
  return Value::boolean(str != nullptr && kFind(str->text.view()) != nullptr);
}

template <Comparison kComparison>
Value test_compare(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value& other = arguments.at(0);
  switch (kComparison) {
    case Comparison::kEq:
      return Value::boolean(equals(heap, self, other));
    case Comparison::kNe:
      return Value::boolean(!equals(heap, self, other));
    case Comparison::kLt:
      return Value::boolean(less(heap, self, other));
    case Comparison::kLe:
      return Value::boolean(less_equal(heap, self, other));
    case Comparison::kGt:
      return Value::boolean(less(heap, other, self));
    case Comparison::kGe:
      return Value::boolean(less_equal(heap, other, self));
    case Comparison::kIn:
      return Value::boolean(contains(heap, other, self));
    case Comparison::kNotIn:
      return Value::boolean(!contains(heap, other, self));
  }
  return Value::boolean(false);
}

Value test_same(Runtime&, const Value& self, const Bound& arguments) {
  return Value::boolean(same_object(self, arguments.at(0)));
}

constexpr std::array kTests = {
    Native{"!=", {"-"}, 1, test_compare<Comparison::kNe>},
    Native{"<", {"-"}, 1, test_compare<Comparison::kLt>},
    Native{"<=", {"-"}, 1, test_compare<Comparison::kLe>},
    Native{"==", {"-"}, 1, test_compare<Comparison::kEq>},
    Native{">", {"-"}, 1, test_compare<Comparison::kGt>},
    Native{">=", {"-"}, 1, test_compare<Comparison::kGe>},
    Native{"boolean", {}, 0, property<is_boolean>},
    Native{"callable", {}, 0, property<is_callable>},
    Native{"defined", {}, 0, property<is_defined>},
    Native{"divisibleby", {"num"}, 1, test_divisible},
    Native{"eq", {"-"}, 1, test_compare<Comparison::kEq>},
    Native{"equalto", {"-"}, 1, test_compare<Comparison::kEq>},
    Native{"escaped", {}, 0, property<is_escaped>},
    Native{"even", {}, 0, test_parity<0>},
    Native{"false", {}, 0, property<is_false>},
    Native{"filter", {}, 0, test_known<find_filter>},
    Native{"float", {}, 0, property<is_float>},
    Native{"ge", {"-"}, 1, test_compare<Comparison::kGe>},
    Native{"greaterthan", {"-"}, 1, test_compare<Comparison::kGt>},
    Native{"gt", {"-"}, 1, test_compare<Comparison::kGt>},
    Native{"in", {"seq"}, 1, test_compare<Comparison::kIn>},
    Native{"integer", {}, 0, property<is_integer>},
    Native{"iterable", {}, 0, property<is_iterable>},
    Native{"le", {"-"}, 1, test_compare<Comparison::kLe>},
    Native{"lessthan", {"-"}, 1, test_compare<Comparison::kLt>},
    Native{"lower", {}, 0, test_case<false>},
    Native{"lt", {"-"}, 1, test_compare<Comparison::kLt>},
    Native{"mapping", {}, 0, property<is_mapping>},
    Native{"ne", {"-"}, 1, test_compare<Comparison::kNe>},
    Native{"none", {}, 0, property<is_none>},
    Native{"number", {}, 0, property<is_number>},
    Native{"odd", {}, 0, test_parity<1>},
    Native{"sameas", {"other"}, 1, test_same},
    Native{"sequence", {}, 0, property<is_sequence>},
    Native{"string", {}, 0, property<is_string>},
    Native{"test", {}, 0, test_known<find_test>},
    Native{"true", {}, 0, property<is_true>},
    Native{"undefined", {}, 0, property<is_undefined>},
    Native{"upper", {}, 0, test_case<true>},
};

}  // namespace

const Native* find_test(std::string_view name) {
  for (const Native& native : kTests) {
    if (native.name == name) return &native;
  }
  return nullptr;
}

}  // namespace sirocco::jinja
