#include "sirocco/jinja/value.hpp"

#include <algorithm>
#include <cmath>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/objects.hpp"
#include "sirocco/jinja/operators.hpp"
#include "sirocco/jinja/unicode.hpp"

namespace sirocco::jinja {
namespace {

std::shared_ptr<const Str> make_str(Text text, bool markup, Charge charge) {
  const std::size_t length = count_code_points(text.view());
  return std::make_shared<const Str>(Str{std::move(text), length, markup, std::move(charge)});
}

std::size_t depth_of_all(const std::vector<Value>& items) {
  std::size_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, depth_of(item));
  return depth;
}

std::size_t depth_of_all(const Dict& dict) {
  std::size_t depth = 0;
  for (const auto& [key, value] : dict.entries()) {
    depth = std::max({depth, depth_of(key), depth_of(value)});
  }
  return depth;
}

Value make_list(Heap* heap, Sequence kind, std::vector<Value> items, Origin origin) {
  Charge charge(heap, sizeof(List) + items.size() * sizeof(Value));
  const std::size_t depth = checked_depth(depth_of_all(items) + 1);
  return Value(Value::Storage(std::make_shared<const List>(
                   List{kind, std::move(items), depth, std::move(charge)})),
               origin);
}

Value make_dict(Heap* heap, Dict dict, Origin origin) {
  Charge charge(heap, sizeof(DictObject) + dict.size() * (3 * sizeof(Value) + 64));
  const std::size_t depth = checked_depth(depth_of_all(dict) + 1);
  return Value(Value::Storage(std::make_shared<const DictObject>(
                   DictObject{std::move(dict), depth, std::move(charge)})),
               origin);
}

/// Kinds of keys, in the order in which KeyLess sorts them.
int key_rank(const Value& key) {
  if (key.is_none()) return 0;
  if (key.is_number()) return 1;
  if (key.as_str() != nullptr) return 2;
  if (const List* list = key.as_list(); list != nullptr && list->is_tuple()) return 3;
  if (key.is_undefined()) return 4;
  if (key.as_object() != nullptr && is_hashable(key)) return 5;
  fail(Fault::kType, "unhashable type: '{}'", type_name(key));
}

int key_order(const Value& a, const Value& b) {
  const int rank = key_rank(a);
  if (const int other = key_rank(b); rank != other) return rank < other ? -1 : 1;
  switch (rank) {
    case 1:
      return number_order(a, b);
    case 2:
      return a.as_str()->text.view().compare(b.as_str()->text.view());
    case 3: {
      const auto& left = a.as_list()->items;
      const auto& right = b.as_list()->items;
      for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if (const int order = key_order(left[i], right[i]); order != 0) return order;
      }
      return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
    }
    case 5:
      return a.as_object() < b.as_object() ? -1 : a.as_object() > b.as_object() ? 1 : 0;
    default:
      return 0;
  }
}

class ListIterator : public Iterator {
 public:
  explicit ListIterator(Value list) : list_(std::move(list)) {}
  bool next(Value& item) override {
    const auto& items = list_.as_list()->items;
    if (at_ >= items.size()) return false;
    item = items[at_++];
    return true;
  }

 private:
  Value list_;
  std::size_t at_ = 0;
};

class StringIterator : public Iterator {
 public:
  StringIterator(Heap& heap, Value text) : heap_(heap), text_(std::move(text)) {}
  bool next(Value& item) override {
    const Text& text = text_.as_str()->text;
    if (at_ >= text.size()) return false;
    const std::size_t width = utf8_width(text.view(), at_);
    item = heap_.text(text.view().substr(at_, width), text.origin_at(at_));
    at_ += width;
    return true;
  }

 private:
  Heap& heap_;
  Value text_;
  std::size_t at_ = 0;
};

class Generator : public Iterator {
 public:
  explicit Generator(std::function<bool(Value&)> next) : next_(std::move(next)) {}
  bool next(Value& item) override { return next_ && next_(item); }

 private:
  std::function<bool(Value&)> next_;
};

}  // namespace

Value Value::undefined(std::string message, bool unsafe) {
  return {Undefined{std::make_shared<const std::string>(std::move(message)), unsafe},
          Origin::kTemplate};
}

Value Value::string(std::string_view utf8, Origin origin) {
  if (!is_utf8(utf8)) throw InvalidArgument("text for a template isn't UTF-8: {}", quoted(utf8));
  return {Storage(make_str(Text(utf8, origin), false, Charge())), origin};
}

Value Value::list(std::vector<Value> items, Origin origin) {
  return make_list(nullptr, Sequence::kList, std::move(items), origin);
}

Value Value::dict(Dict entries, Origin origin) {
  return make_dict(nullptr, std::move(entries), origin);
}

std::optional<Int> Value::as_int() const {
  if (const Int* value = std::get_if<Int>(&storage_)) return *value;
  if (const bool* value = std::get_if<bool>(&storage_)) return *value ? 1 : 0;
  return std::nullopt;
}

const Str* Value::as_str() const {
  const auto* ref = std::get_if<std::shared_ptr<const Str>>(&storage_);
  return ref == nullptr ? nullptr : ref->get();
}

const List* Value::as_list() const {
  const auto* ref = std::get_if<std::shared_ptr<const List>>(&storage_);
  return ref == nullptr ? nullptr : ref->get();
}

const Dict* Value::as_dict() const {
  const auto* ref = std::get_if<std::shared_ptr<const DictObject>>(&storage_);
  return ref == nullptr ? nullptr : &(*ref)->dict;
}

Object* Value::as_object() const {
  const auto* ref = std::get_if<std::shared_ptr<Object>>(&storage_);
  return ref == nullptr ? nullptr : ref->get();
}

Origin Value::origin() const {
  const Str* str = as_str();
  return str != nullptr ? str->text.origin() : origin_;
}

void Heap::take(std::size_t bytes) {
  expect(bytes);
  memory_ += bytes;
}

void Heap::expect(std::size_t bytes) const {
  if (bytes > max_memory_ || memory_ > max_memory_ - bytes) {
    fail(Fault::kLimit, "values would take more than {} bytes of memory", max_memory_);
  }
}

void Heap::step(std::uint64_t steps) {
  if (steps > steps_left_) fail(Fault::kLimit, "the template takes too many steps");
  steps_left_ -= steps;
}

Value Heap::text(Text text, bool markup) {
  touch(text.size());
  Charge charge(this, sizeof(Str) + text.size() + text.runs().size() * sizeof(Text::Run));
  return Value(Value::Storage(make_str(std::move(text), markup, std::move(charge))),
               Origin::kTemplate);
}

Value Heap::list(std::vector<Value> items, Origin origin) {
  step(1 + items.size() / 8);
  return make_list(this, Sequence::kList, std::move(items), origin);
}

Value Heap::tuple(std::vector<Value> items, Origin origin) {
  step(1 + items.size() / 8);
  return make_list(this, Sequence::kTuple, std::move(items), origin);
}

Value Heap::group(Value grouper, Value list) {
  return make_list(this, Sequence::kGroup, {std::move(grouper), std::move(list)},
                   Origin::kTemplate);
}

Value Heap::dict(Dict entries, Origin origin) {
  step(1 + entries.size());
  return make_dict(this, std::move(entries), origin);
}

bool KeyLess::operator()(const Value& a, const Value& b) const { return key_order(a, b) < 0; }

bool KeyLess::operator()(const Value& a, std::string_view b) const {
  const int rank = key_rank(a);
  return rank != 2 ? rank < 2 : a.as_str()->text.view() < b;
}

bool KeyLess::operator()(std::string_view a, const Value& b) const {
  const int rank = key_rank(b);
  return rank != 2 ? rank > 2 : a < b.as_str()->text.view();
}

template <class K>
const std::size_t* Dict::position(const K& key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &found->second;
}

const Value* Dict::find(const Value& key) const {
  key_rank(key);  // an unhashable key fails in an empty dict too
  const std::size_t* at = position(key);
  return at == nullptr ? nullptr : &entries_[*at].second;
}

const Value* Dict::find(std::string_view key) const {
  const std::size_t* at = position(key);
  return at == nullptr ? nullptr : &entries_[*at].second;
}

void Dict::set(Value key, Value value) {
  key_rank(key);
  if (const std::size_t* at = position(key)) {
    entries_[*at].second = std::move(value);
    return;
  }
  index_.emplace(key, entries_.size());
  entries_.emplace_back(std::move(key), std::move(value));
}

std::size_t checked_depth(std::size_t depth) {
  if (depth > kMaxValueDepth) {
    fail(Fault::kLimit, "values are nested more than {} levels deep", kMaxValueDepth);
  }
  return depth;
}

std::size_t depth_of(const Value& value) {
  if (const List* list = value.as_list()) return list->depth;
  if (const auto* dict = std::get_if<std::shared_ptr<const DictObject>>(&value.storage())) {
    return (*dict)->depth;
  }
  if (const Object* object = value.as_object()) return object->depth;
  return 0;
}

std::string_view DictView::type_name() const {
  return part == Part::kKeys ? "dict_keys" : part == Part::kValues ? "dict_values" : "dict_items";
}

Value DictView::item(Heap& heap, std::size_t index) const {
  const auto& [key, value] = entries().entries()[index];
  switch (part) {
    case Part::kKeys:
      return key;
    case Part::kValues:
      return value;
    case Part::kItems:
      break;
  }
  return heap.tuple({key, value}, dict.origin());
}

bool is_iterable(const Value& value) {
  if (value.is_undefined() || value.as_str() != nullptr || value.as_list() != nullptr ||
      value.as_dict() != nullptr) {
    return true;
  }
  const Object* object = value.as_object();
  return dynamic_cast<const Iterator*>(object) != nullptr ||
         dynamic_cast<const Range*>(object) != nullptr ||
         dynamic_cast<const DictView*>(object) != nullptr;
}

std::shared_ptr<Iterator> iterate(Heap& heap, const Value& value) {
  if (const auto* object = std::get_if<std::shared_ptr<Object>>(&value.storage())) {
    if (auto iterator = std::dynamic_pointer_cast<Iterator>(*object)) return iterator;
  }
  const std::size_t depth = depth_of(value);
  if (value.as_list() != nullptr) return make_object<ListIterator>(heap, depth, value);
  if (value.as_str() != nullptr) return make_object<StringIterator>(heap, depth, heap, value);
  if (value.as_dict() != nullptr) {
    return make_object<Generator>(heap, depth, [value, at = std::size_t{0}](Value& item) mutable {
      const auto& entries = value.as_dict()->entries();
      if (at >= entries.size()) return false;
      item = entries[at++].first;
      return true;
    });
  }
  if (value.is_undefined()) return make_object<Generator>(heap, 0, nullptr);
  if (const Range* range = value.as<Range>()) {
    return make_object<Generator>(heap, depth, [value, range, at = Int{0}](Value& item) mutable {
      if (at >= range->length) return false;
      item = range->at(at++);
      return true;
    });
  }
  if (const DictView* view = value.as<DictView>()) {
    return make_object<Generator>(heap, depth,
                                  [&heap, value, view, at = std::size_t{0}](Value& item) mutable {
                                    if (at >= view->entries().size()) return false;
                                    item = view->item(heap, at++);
                                    return true;
                                  });
  }
  fail(Fault::kType, "'{}' object is not iterable", type_name(value));
}

std::vector<Value> to_vector(Heap& heap, const Value& value) {
  if (const List* list = value.as_list()) {
    heap.expect(list->items.size() * sizeof(Value));
    return list->items;
  }
  const auto iterator = iterate(heap, value);
  std::vector<Value> items;
  Value item;
  while (iterator->next(item)) {
    heap.step();
    if (items.size() == items.capacity()) heap.expect(2 * items.size() * sizeof(Value));
    items.push_back(std::move(item));
  }
  return items;
}

Value iterator_over(Heap& heap, std::vector<Value> items) {
  Value list = heap.list(std::move(items), Origin::kTemplate);
  return object_value(iterate(heap, list));
}

Value generator(Heap& heap, std::size_t depth, std::function<bool(Value&)> next) {
  return object_value(make_object<Generator>(heap, depth, std::move(next)));
}

}  // namespace sirocco::jinja
