#include <algorithm>
#include <array>
#include <set>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/string.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

bool flag(Heap& heap, const Bound& arguments, std::size_t index) {
  return arguments.has(index) && truthy(heap, arguments.at(index));
}

Value ignore_case(Heap& heap, const Value& value) {
  const Str* str = value.as_str();
  return str == nullptr ? value : heap.text(to_lower(str->text), str->markup);
}

/// An attribute as filters name it: "a.b.0", an integer, or none for the item itself.
class Path {
 public:
  Path(Heap& heap, const Value& attribute) {
    if (attribute.is_none()) return;
    const Str* str = attribute.as_str();
    if (str == nullptr) {
      parts_.push_back(attribute);
      return;
    }
    const Text dot(".", Origin::kTemplate);
    for (Text& part : split(heap, str->text, &dot, -1, false)) {
      const std::string_view name = part.view();
      const bool digits = !name.empty() && std::all_of(name.begin(), name.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
      if (digits) {
        parts_.push_back(Value::integer(parse_int(name, 10).value_or(0)));
      } else {
        parts_.push_back(heap.text(std::move(part)));
      }
    }
  }

  Value of(Runtime& runtime, Value item, const Value& otherwise = Value::none()) const {
    for (const Value& part : parts_) {
      item = runtime.item(item, part);
      if (item.is_undefined() && !otherwise.is_none()) item = otherwise;
    }
    return item;
  }

 private:
  std::vector<Value> parts_;
};

Value filter_length(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  return Value::integer(static_cast<Int>(length_of(heap, self)), self.origin());
}

Value filter_default(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const bool missing = self.is_undefined() || (flag(heap, arguments, 1) && !truthy(heap, self));
  return missing ? arguments.get(0, heap.text("", Origin::kTemplate)) : self;
}

Value filter_first(Runtime& runtime, const Value& self, const Bound&) {
  Value item;
  if (iterate(runtime.heap(), self)->next(item)) return item;
  return Value::undefined("no first item, the sequence was empty");
}

/// Everything that reversed() takes; generators it doesn't.
std::vector<Value> reversible(Heap& heap, const Value& value) {
  if (value.as<Iterator>() != nullptr || !is_iterable(value)) {
    fail(Fault::kType, "'{}' object is not reversible", type_name(value));
  }
  return to_vector(heap, value);
}

Value filter_last(Runtime& runtime, const Value& self, const Bound&) {
  if (self.as_str() != nullptr) {
    const auto item = element(runtime.heap(), self, Value::integer(-1));
    return item ? *item : Value::undefined("no last item, the sequence was empty");
  }
  std::vector<Value> items = reversible(runtime.heap(), self);
  if (!items.empty()) return std::move(items.back());
  return Value::undefined("no last item, the sequence was empty");
}

Value filter_reverse(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  if (self.as_str() != nullptr) {
    return slice(heap, self, Value::none(), Value::none(), Value::integer(-1));
  }
  const bool once = self.as<Iterator>() != nullptr;
  std::vector<Value> items = to_vector(heap, self);
  std::reverse(items.begin(), items.end());
  return once ? heap.list(std::move(items), self.origin()) : iterator_over(heap, std::move(items));
}

Value filter_list(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  return heap.list(to_vector(heap, self), self.origin());
}

Value filter_items(Runtime& runtime, const Value& self, const Bound&) {
  Heap& heap = runtime.heap();
  if (self.is_undefined()) return iterator_over(heap, {});
  if (self.as_dict() == nullptr) fail(Fault::kType, "can only get item pairs from a mapping");
  const auto view = make_object<DictView>(heap, depth_of(self), self, DictView::Part::kItems);
  return object_value(iterate(heap, object_value(view)));
}

Value filter_join(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Text separator = arguments.has(0) ? to_text(heap, arguments.at(0)) : Text();
  const Path path(heap, arguments.get(1));
  const auto iterator = iterate(heap, self);
  TextBuilder out(heap);
  Value item;
  for (bool first = true; iterator->next(item); first = false) {
    heap.step();
    if (!first) out.add(separator);
    out.add(to_text(heap, path.of(runtime, item)));
  }
  return heap.text(out.take());
}

Value filter_dictsort(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const bool case_sensitive = flag(heap, arguments, 0);
  const Value by = arguments.get(1, heap.text("key", Origin::kTemplate));
  const std::string_view part =
      by.as_str() != nullptr ? by.as_str()->text.view() : std::string_view();
  if (part != "key" && part != "value") {
    fail(Fault::kValue, "you can only sort by either 'key' or 'value'");
  }
  if (self.is_undefined()) fail(Fault::kUndefined, "{}", *self.as_undefined()->message);
  const Dict* dict = self.as_dict();
  if (dict == nullptr) fail(Fault::kType, "dictsort needs a dict, not {}", type_name(self));
  std::vector<Value> pairs;
  std::vector<Value> keys;
  for (const auto& [key, value] : dict->entries()) {
    pairs.push_back(heap.tuple({key, value}, self.origin()));
    const Value& sorted_by = part == "key" ? key : value;
    keys.push_back(case_sensitive ? sorted_by : ignore_case(heap, sorted_by));
  }
  return heap.list(sort_by_keys(heap, std::move(pairs), keys, flag(heap, arguments, 2)),
                   self.origin());
}

Value filter_sort(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const bool case_sensitive = flag(heap, arguments, 1);
  const Value attribute = arguments.get(2);
  std::vector<Path> paths;
  if (const Str* str = attribute.as_str()) {
    const Text comma(",", Origin::kTemplate);
    for (Text& part : split(heap, str->text, &comma, -1, false)) {
      paths.emplace_back(heap, heap.text(std::move(part)));
    }
  } else {
    paths.emplace_back(heap, attribute);
  }
  std::vector<Value> items = to_vector(heap, self);
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> parts;
    for (const Path& path : paths) {
      Value part = path.of(runtime, item);
      parts.push_back(case_sensitive ? std::move(part) : ignore_case(heap, part));
    }
    keys.push_back(heap.list(std::move(parts), Origin::kTemplate));
  }
  return heap.list(sort_by_keys(heap, std::move(items), keys, flag(heap, arguments, 0)),
                   self.origin());
}

Value filter_unique(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const bool case_sensitive = flag(heap, arguments, 0);
  const Path path(heap, arguments.get(1));
  const auto iterator = iterate(heap, self);
  std::set<Value, KeyLess> seen;
  std::vector<Value> items;
  Value item;
  while (iterator->next(item)) {
    heap.step(4);
    heap.expect(seen.size() * 2 * sizeof(Value));
    Value key = path.of(runtime, item);
    if (!case_sensitive) key = ignore_case(heap, key);
    if (!is_hashable(key)) fail(Fault::kType, "unhashable type: '{}'", type_name(key));
    if (seen.insert(std::move(key)).second) items.push_back(item);
  }
  return iterator_over(heap, std::move(items));
}

template <bool kMaximum>
Value filter_extreme(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const bool case_sensitive = flag(heap, arguments, 0);
  const Path path(heap, arguments.get(1));
  const auto iterator = iterate(heap, self);
  std::optional<Value> best;
  Value best_key;
  Value item;
  while (iterator->next(item)) {
    Value key = path.of(runtime, item);
    if (!case_sensitive) key = ignore_case(heap, key);
    if (best && !(kMaximum ? less(heap, best_key, key) : less(heap, key, best_key))) continue;
    best = item;
    best_key = std::move(key);
  }
  return best ? *best : Value::undefined("no aggregated item, the sequence was empty");
}

Value filter_sum(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Path path(heap, arguments.get(0));
  Value total = arguments.get(1, Value::integer(0));
  if (total.as_str() != nullptr) fail(Fault::kType, "sum() can't sum strings");
  const auto iterator = iterate(heap, self);
  Value item;
  while (iterator->next(item)) {
    total = binary(heap, Binary::kAdd, total, path.of(runtime, item));
  }
  return total;
}

Value filter_slice(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const std::vector<Value> items = to_vector(heap, self);
  const std::int64_t slices = to_index(arguments.at(0));
  if (slices == 0) fail(Fault::kArithmetic, "integer division or modulo by zero");
  const Value fill = arguments.get(1);
  std::vector<Value> rows;
  if (slices > 0) {
    heap.expect(static_cast<std::size_t>(std::min<std::int64_t>(slices, 1 << 30)) * sizeof(Value));
    const auto count = static_cast<std::size_t>(slices);
    const std::size_t each = items.size() / count;
    const std::size_t longer = items.size() % count;
    auto at = items.begin();
    for (std::size_t i = 0; i < count; ++i) {
      const auto end = at + static_cast<std::ptrdiff_t>(each + (i < longer ? 1 : 0));
      std::vector<Value> row(at, end);
      if (!fill.is_none() && i >= longer) row.push_back(fill);
      rows.push_back(heap.list(std::move(row), self.origin()));
      at = end;
    }
  }
  return iterator_over(heap, std::move(rows));
}

Value filter_batch(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Value& size = arguments.at(0);
  const Value fill = arguments.get(1);
  std::vector<Value> rows;
  std::vector<Value> row;
  const auto width = [&] { return size.is_number() ? to_double(size) : -1.0; };
  for (Value& item : to_vector(heap, self)) {
    if (static_cast<double>(row.size()) == width()) {
      rows.push_back(heap.list(std::exchange(row, {}), self.origin()));
    }
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (!fill.is_none()) {
      const std::int64_t count = to_index(size);
      if (static_cast<std::int64_t>(row.size()) < count) {
        heap.expect(static_cast<std::size_t>(std::min<std::int64_t>(count, 1 << 30)) *
                    sizeof(Value));
        row.resize(static_cast<std::size_t>(count), fill);
      }
    }
    rows.push_back(heap.list(std::move(row), self.origin()));
  }
  return iterator_over(heap, std::move(rows));
}

Value filter_groupby(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const Path path(heap, arguments.at(0));
  const Value otherwise = arguments.get(1);
  const bool case_sensitive = flag(heap, arguments, 2);
  std::vector<Value> pairs;
  std::vector<Value> keys;
  for (const Value& item : to_vector(heap, self)) {
    Value key = path.of(runtime, item, otherwise);
    if (!case_sensitive) key = ignore_case(heap, key);
    pairs.push_back(heap.tuple({key, item}, self.origin()));
    keys.push_back(std::move(key));
  }
  std::vector<Value> groups;
  std::vector<Value> members;
  Value group_key;
  const auto close = [&] {
    if (members.empty()) return;
    Value grouper = case_sensitive ? group_key : path.of(runtime, members[0], otherwise);
    groups.push_back(
        heap.group(std::move(grouper), heap.list(std::exchange(members, {}), self.origin())));
  };
  for (const Value& pair : sort_by_keys(heap, std::move(pairs), keys, false)) {
    const auto& parts = pair.as_list()->items;
    if (members.empty() || !equals(heap, group_key, parts[0])) {
      close();
      group_key = parts[0];
    }
    members.push_back(parts[1]);
  }
  close();
  return heap.list(std::move(groups), self.origin());
}

Value filter_attr(Runtime& runtime, const Value& self, const Bound& arguments) {
  const Text& name = text_argument(arguments.at(0), "an attribute's name");
  if (self.as_dict() != nullptr || self.as_list() != nullptr || self.as_str() != nullptr) {
    auto found = find_attribute(runtime, self, name.view());
    return found ? *std::move(found)
                 : Value::undefined(fmt::format("'{} object' has no attribute {}", type_name(self),
                                                quoted(name.view())));
  }
  return runtime.attribute(self, name.view());
}

/// map(): each item's attribute, or each item through a filter.
Value filter_map(Runtime& runtime, const Value& self, Arguments& arguments) {
  Heap& heap = runtime.heap();
  if (!truthy(heap, self)) return iterator_over(heap, {});
  auto& named = arguments.named;
  const auto take = [&](std::string_view key) -> std::optional<Value> {
    const auto found =
        std::find_if(named.begin(), named.end(), [&](const auto& n) { return n.first == key; });
    if (found == named.end()) return std::nullopt;
    Value value = std::move(found->second);
    named.erase(found);
    return value;
  };
  const auto source = iterate(heap, self);
  const std::size_t depth = depth_of(self);
  if (arguments.positional.empty()) {
    if (const auto attribute = take("attribute")) {
      const Value otherwise = take("default").value_or(Value::none());
      if (!named.empty()) fail(Fault::kType, "map takes no argument {}", quoted(named[0].first));
      return generator(heap, depth,
                       [&runtime, source, otherwise, path = Path(heap, *attribute)](Value& out) {
                         Value item;
                         if (!source->next(item)) return false;
                         runtime.heap().step();
                         out = path.of(runtime, std::move(item), otherwise);
                         return true;
                       });
    }
    return generator(heap, depth,
                     [](Value&) -> bool { fail(Fault::kType, "map requires a filter argument"); });
  }
  const Value name = arguments.positional[0];
  Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, named};
  return generator(heap, depth, [&runtime, source, name, rest](Value& out) {
    const Str* str = name.as_str();
    const Native* filter = str == nullptr ? nullptr : find_filter(str->text.view());
    Value item;
    if (!source->next(item)) return false;
    runtime.heap().step();
    if (filter == nullptr) fail(Fault::kRuntime, "map: there is no such filter");
    Arguments once = rest;
    out = (*filter)(runtime, item, once);
    return true;
  });
}

/// select, reject and their forms for attributes.
template <bool kKeep, bool kAttribute>
Value filter_select(Runtime& runtime, const Value& self, Arguments& arguments) {
  Heap& heap = runtime.heap();
  if (!truthy(heap, self)) return iterator_over(heap, {});
  auto& given = arguments.positional;
  Value attribute;
  if (kAttribute) {
    if (given.empty()) {
      return generator(heap, 0, [](Value&) -> bool {
        fail(Fault::kType, "missing parameter for attribute name");
      });
    }
    attribute = given[0];
    given.erase(given.begin());
  }
  std::optional<Value> name;
  if (!given.empty()) {
    name = given[0];
    given.erase(given.begin());
  }
  return generator(heap, depth_of(self),
                   [&runtime, source = iterate(heap, self), path = Path(heap, attribute), name,
                    rest = std::move(arguments)](Value& out) {
                     Heap& memory = runtime.heap();
                     const Str* str = name ? name->as_str() : nullptr;
                     const Native* test = str == nullptr ? nullptr : find_test(str->text.view());
                     while (source->next(out)) {
                       memory.step();
                       if (name && test == nullptr) fail(Fault::kRuntime, "there is no such test");
                       Value subject = kAttribute ? path.of(runtime, out) : out;
                       if (test != nullptr) {
                         Arguments once = rest;
                         subject = (*test)(runtime, subject, once);
                       }
                       if (truthy(memory, subject) == kKeep) return true;
                     }
                     return false;
                   });
}

Value filter_random(Runtime&, const Value&, const Bound&) {
  fail(Fault::kRuntime, "the filter 'random' is not supported: a prompt must not depend on chance");
}

constexpr std::array kFilters = {
    Native{"attr", {"name"}, 1, filter_attr},
    Native{"batch", {"linecount", "fill_with"}, 1, filter_batch},
    Native{"count", {}, 0, filter_length},
    Native{"d", {"default_value", "boolean"}, 0, filter_default},
    Native{"default", {"default_value", "boolean"}, 0, filter_default},
    Native{"dictsort", {"case_sensitive", "by", "reverse"}, 0, filter_dictsort},
    Native{"first", {}, 0, filter_first},
    Native{"groupby", {"attribute", "default", "case_sensitive"}, 1, filter_groupby},
    Native{"items", {}, 0, filter_items},
    Native{"join", {"d", "attribute"}, 0, filter_join},
    Native{"last", {}, 0, filter_last},
    Native{"length", {}, 0, filter_length},
    Native{"list", {}, 0, filter_list},
    Native{"map", {}, 0, nullptr, filter_map},
    Native{"max", {"case_sensitive", "attribute"}, 0, filter_extreme<true>},
    Native{"min", {"case_sensitive", "attribute"}, 0, filter_extreme<false>},
    Native{"random", {}, 0, filter_random},
    Native{"reject", {}, 0, nullptr, filter_select<false, false>},
    Native{"rejectattr", {}, 0, nullptr, filter_select<false, true>},
    Native{"reverse", {}, 0, filter_reverse},
    Native{"select", {}, 0, nullptr, filter_select<true, false>},
    Native{"selectattr", {}, 0, nullptr, filter_select<true, true>},
    Native{"slice", {"slices", "fill_with"}, 1, filter_slice},
    Native{"sort", {"reverse", "case_sensitive", "attribute"}, 0, filter_sort},
    Native{"sum", {"attribute", "start"}, 0, filter_sum},
    Native{"unique", {"case_sensitive", "attribute"}, 0, filter_unique},
};

}  // namespace

std::span<const Native> sequence_filters() { return kFilters; }

}  // namespace sirocco::jinja
