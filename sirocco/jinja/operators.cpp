#include "sirocco/jinja/operators.hpp"

#include <algorithm>

#include "sirocco/jinja/fault.hpp"

namespace sirocco::jinja {

void fail_undefined(const Value& value) {
  const Undefined& undefined = *value.as_undefined();
  fail(undefined.unsafe ? Fault::kSecurity : Fault::kUndefined, "{}", *undefined.message);
}

void require_defined(const Value& a, const Value& b) {
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
}

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

}  // namespace sirocco::jinja
