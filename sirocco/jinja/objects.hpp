#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/jinja/value.hpp"

/// What values hold, and the memory that it takes.
namespace sirocco::jinja {

/// Memory and work of one render. Throws TemplateFault (kLimit) when spent.
class Heap {
 public:
  Heap(std::size_t max_memory, std::uint64_t max_steps)
      : max_memory_(max_memory), steps_left_(max_steps) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  void take(std::size_t bytes);
  void give(std::size_t bytes) noexcept { memory_ -= bytes; }
  /// Fails unless `bytes` more would fit; for results whose size is known before they are made.
  void expect(std::size_t bytes) const;
  void step(std::uint64_t steps = 1);
  /// The steps of touching so many bytes.
  void touch(std::size_t bytes) { step(1 + bytes / 64); }

  Value text(Text text, bool markup = false);
  Value text(std::string_view bytes, Origin origin) { return text(Text(bytes, origin)); }
  Value list(std::vector<Value> items, Origin origin);
  Value tuple(std::vector<Value> items, Origin origin);
  /// groupby's pairs: tuples whose members have names.
  Value group(Value grouper, Value list);
  Value dict(Dict entries, Origin origin);

 private:
  std::size_t max_memory_;
  std::size_t memory_ = 0;
  std::uint64_t steps_left_;
};

/// Memory held by one object, given back with it.
class Charge {
 public:
  Charge() = default;
  Charge(Heap* heap, std::size_t bytes) : heap_(heap), bytes_(bytes) {
    if (heap_ != nullptr) heap_->take(bytes_);
  }
  Charge(Charge&& other) noexcept
      : heap_(std::exchange(other.heap_, nullptr)), bytes_(other.bytes_) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(heap_, other.heap_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Charge() {
    if (heap_ != nullptr) heap_->give(bytes_);
  }

 private:
  Heap* heap_ = nullptr;
  std::size_t bytes_ = 0;
};

struct Str {
  Text text;
  std::size_t length = 0;  ///< in code points
  bool markup = false;     ///< markupsafe's type: what is joined to it gets escaped
  Charge charge;

  bool ascii() const { return length == text.size(); }
};

/// How deep containers, iterators and bound methods may hold one another.
inline constexpr std::size_t kMaxValueDepth = 150;

enum class Sequence : unsigned char { kList, kTuple, kGroup };

struct List {
  Sequence kind = Sequence::kList;
  std::vector<Value> items;
  std::size_t depth = 1;
  Charge charge;

  bool is_tuple() const { return kind != Sequence::kList; }
};

/// A total order of what can be a key: 1, 1.0 and true are one key. kType fault where a key can't
/// be hashed.
struct KeyLess {
  using is_transparent = void;
  bool operator()(const Value& a, const Value& b) const;
  bool operator()(const Value& a, std::string_view b) const;
  bool operator()(std::string_view a, const Value& b) const;
};

/// Entries in order of insertion, found by key in logarithmic time.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Adds, or replaces the value and keeps key and place.
  void set(Value key, Value value);
  void set(std::string_view key, Value value) {
    set(Value::string(key, Origin::kTemplate), std::move(value));
  }
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  void clear() {
    index_.clear();
    entries_.clear();
  }

 private:
  template <class K>
  const std::size_t* position(const K& key) const;

  std::vector<Entry> entries_;
  std::map<Value, std::size_t, KeyLess> index_;
};

struct DictObject {
  Dict dict;
  std::size_t depth = 1;
  Charge charge;
};

/// Everything that is neither scalar nor plain container.
class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  virtual std::string_view type_name() const = 0;
  std::size_t depth = 1;  ///< as for lists
  Charge charge;
};

/// Containers around `depth` more levels: fails where that is too many.
std::size_t checked_depth(std::size_t depth);
std::size_t depth_of(const Value& value);

/// Python's iterators and generators: each item once.
class Iterator : public Object {
 public:
  std::string_view type_name() const override { return "generator"; }
  virtual bool next(Value& item) = 0;
};

class Range : public Object {
 public:
  Range(Int first, Int step, Int count, Origin from)
      : start(first), stride(step), length(count), origin(from) {}
  std::string_view type_name() const override { return "range"; }
  Value at(Int index) const { return Value::integer(start + index * stride, origin); }

  Int start;
  Int stride;
  Int length;
  Int written_stop = 0;  ///< as the template gave it; for printing
  Origin origin;
};

/// dict.keys(), .values() and .items().
class DictView : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictView(Value of, Part what) : dict(std::move(of)), part(what) {}
  std::string_view type_name() const override;
  const Dict& entries() const { return *dict.as_dict(); }
  Value item(Heap& heap, std::size_t index) const;

  Value dict;
  Part part;
};

class Namespace : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  Dict attributes;
};

/// Arguments of a call as the template wrote them, stars spread out.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Runtime;

/// Something to call.
class Callable : public Object {
 public:
  std::string_view type_name() const override { return "function"; }
  virtual Value call(Runtime& runtime, Arguments& arguments) = 0;
};

/// Objects that print in a way of their own.
class Described : public Callable {
 public:
  virtual std::string describe(Heap& heap) = 0;
  /// An attribute that Python's object has.
  virtual std::optional<Value> member(Heap&, std::string_view) { return std::nullopt; }
};

/// Objects with a length of their own making.
class Sized : public Described {
 public:
  virtual std::size_t length(Heap& heap) = 0;
};

/// iter(value), or a kType fault.
std::shared_ptr<Iterator> iterate(Heap& heap, const Value& value);
/// list(value).
std::vector<Value> to_vector(Heap& heap, const Value& value);
bool is_iterable(const Value& value);
/// An iterator over what is already there.
Value iterator_over(Heap& heap, std::vector<Value> items);
/// A generator: `next` fills in an item or returns false.
Value generator(Heap& heap, std::size_t depth, std::function<bool(Value&)> next);

template <class T, class... Args>
std::shared_ptr<T> make_object(Heap& heap, std::size_t inner_depth, Args&&... args) {
  Charge charge(&heap, sizeof(T) + 64);
  auto object = std::make_shared<T>(std::forward<Args>(args)...);
  object->depth = checked_depth(inner_depth + 1);
  object->charge = std::move(charge);
  return object;
}
template <class T>
Value object_value(std::shared_ptr<T> object, Origin origin = Origin::kTemplate) {
  return Value(Value::Storage(std::shared_ptr<Object>(std::move(object))), origin);
}

}  // namespace sirocco::jinja
