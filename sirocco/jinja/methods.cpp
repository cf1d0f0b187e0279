#include <algorithm>
#include <array>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/native.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/runtime.hpp"

namespace sirocco::jinja {
namespace {

Value list_count(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const auto& items = self.as_list()->items;
  return Value::integer(std::count_if(items.begin(), items.end(), [&](const Value& item) {
    return same_object(item, arguments.at(0)) || equals(heap, item, arguments.at(0));
  }));
}

Value list_index(Runtime& runtime, const Value& self, const Bound& arguments) {
  Heap& heap = runtime.heap();
  const auto& items = self.as_list()->items;
  const auto size = static_cast<std::int64_t>(items.size());
  const auto bound = [&](std::size_t argument, std::int64_t otherwise) {
    if (!arguments.has(argument)) return otherwise;
    const std::int64_t at = to_index(arguments.at(argument));
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const std::int64_t end = bound(2, size);
  for (std::int64_t i = bound(1, 0); i < end; ++i) {
    const Value& item = items[static_cast<std::size_t>(i)];
    if (same_object(item, arguments.at(0)) || equals(heap, item, arguments.at(0))) {
      return Value::integer(i);
    }
  }
  fail(Fault::kValue, "the value is not in the list");
}

Value copy_self(Runtime&, const Value& self, const Bound&) { return self; }

constexpr std::array kListMethods = {
    Native{"count", {"-"}, 1, list_count}, Native{"index", {"-", "-", "-"}, 1, list_index},
    Native{"copy", {}, 0, copy_self},  // last: tuples have none
};

Value dict_get(Runtime&, const Value& self, const Bound& arguments) {
  const Value* found = self.as_dict()->find(arguments.at(0));
  return found != nullptr ? *found : arguments.get(1);
}

template <DictView::Part kPart>
Value dict_view(Runtime& runtime, const Value& self, const Bound&) {
  return object_value(make_object<DictView>(runtime.heap(), depth_of(self), self, kPart));
}

constexpr std::array kDictMethods = {
    Native{"copy", {}, 0, copy_self},
    Native{"get", {"-", "-"}, 1, dict_get},
    Native{"items", {}, 0, dict_view<DictView::Part::kItems>},
    Native{"keys", {}, 0, dict_view<DictView::Part::kKeys>},
    Native{"values", {}, 0, dict_view<DictView::Part::kValues>},
};

Value float_is_integer(Runtime&, const Value& self, const Bound&) {
  const double value = *self.as_float();
  return Value::boolean(std::isfinite(value) && value == std::floor(value));
}

constexpr std::array kFloatMethods = {Native{"is_integer", {}, 0, float_is_integer}};

/// What would change a list or dict; the sandbox hands none of it out.
constexpr std::string_view kMutators[] = {"append",  "clear",      "extend",  "insert",
                                          "pop",     "remove",     "reverse", "sort",
                                          "popitem", "setdefault", "update"};
constexpr std::size_t kFirstDictOnly = 8;

class Method : public Callable {
 public:
  Method(Value self, const Native& native) : self_(std::move(self)), native_(native) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  Value call(Runtime& runtime, Arguments& arguments) override {
    return native_(runtime, self_, arguments);
  }

 private:
  Value self_;
  const Native& native_;
};

std::span<const Native> methods_of(const Value& value) {
  if (value.as_str() != nullptr) return string_methods();
  if (value.as_dict() != nullptr) return kDictMethods;
  if (const List* list = value.as_list()) {
    return std::span<const Native>(kListMethods).first(list->is_tuple() ? 2 : 3);
  }
  if (value.is_float()) return kFloatMethods;
  return {};
}

bool changes(const Value& value, std::string_view name) {
  const std::span<const std::string_view> names(kMutators);
  const List* list = value.as_list();
  const auto has = [&](std::span<const std::string_view> some) {
    return std::find(some.begin(), some.end(), name) != some.end();
  };
  if (list != nullptr) return !list->is_tuple() && has(names.first(kFirstDictOnly));
  if (value.as_dict() == nullptr) return false;
  return name == "clear" || name == "pop" || has(names.subspan(kFirstDictOnly));
}

}  // namespace

std::optional<Value> find_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  for (const Native& native : methods_of(value)) {
    if (native.name != name) continue;
    return object_value(make_object<Method>(runtime.heap(), depth_of(value), value, native));
  }
  if (changes(value, name)) {
    return Value::undefined(fmt::format("access to attribute {} of '{}' object is unsafe",
                                        quoted(name), type_name(value)),
                            true);
  }
  if (const List* list = value.as_list(); list != nullptr && list->kind == Sequence::kGroup) {
    if (name == "grouper") return list->items[0];
    if (name == "list") return list->items[1];
  }
  if (value.as_object() != nullptr) return find_object_attribute(runtime, value, name);
  return std::nullopt;
}

}  // namespace sirocco::jinja
