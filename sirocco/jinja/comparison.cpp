#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/operators.hpp"

namespace sirocco::jinja {

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

std::vector<Dict::Entry> sorted_entries(Heap& heap, const Dict& dict) {
  std::vector<Value> keys;
  std::vector<Value> places;
  for (const auto& [key, value] : dict.entries()) {
    places.push_back(Value::integer(static_cast<Int>(keys.size())));
    keys.push_back(key);
  }
  std::vector<Dict::Entry> entries;
  for (const Value& place : sort_by_keys(heap, std::move(places), keys, false)) {
    entries.push_back(dict.entries()[static_cast<std::size_t>(*place.as_int())]);
  }
  return entries;
}

}  // namespace sirocco::jinja
