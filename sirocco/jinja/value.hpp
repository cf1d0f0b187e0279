#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/jinja/text.hpp"

namespace sirocco::jinja {

/// Integers hold 128 bits; what would need more is an error (Python's grow without bound).
__extension__ typedef __int128 Int;

class Heap;
class Value;
class Dict;
struct Str;
struct List;
struct DictObject;
class Object;

struct None {};
/// A name or member that isn't there. Prints as nothing; most operations on it fail with `message`.
struct Undefined {
  std::shared_ptr<const std::string> message;
  bool unsafe = false;  ///< there in Python, but closed to templates
};

/// Python's types as far as templates can meet them. Immutable and cheap to copy, except for
/// namespaces, iterators and cyclers, which are shared references as in Python.
class Value {
 public:
  using Storage = std::variant<Undefined, None, bool, Int, double, std::shared_ptr<const Str>,
                               std::shared_ptr<const List>, std::shared_ptr<const DictObject>,
                               std::shared_ptr<Object>>;

  Value() : storage_(None{}) {}
  Value(Storage storage, Origin origin) : storage_(std::move(storage)), origin_(origin) {}

  static Value none(Origin origin = Origin::kTemplate) { return {None{}, origin}; }
  static Value boolean(bool value, Origin origin = Origin::kTemplate) { return {value, origin}; }
  static Value integer(Int value, Origin origin = Origin::kTemplate) { return {value, origin}; }
  static Value real(double value, Origin origin = Origin::kTemplate) { return {value, origin}; }
  static Value undefined(std::string message, bool unsafe = false);

  // For callers that build what a template is to see; no limits apply. Text must be UTF-8
  // (InvalidArgument otherwise).
  static Value string(std::string_view utf8, Origin origin = Origin::kData);
  static Value list(std::vector<Value> items, Origin origin = Origin::kData);
  static Value dict(Dict entries, Origin origin = Origin::kData);
  /// JSON text, keys in their order (the last of equal ones wins). InvalidArgument, naming `what`,
  /// where it isn't well-formed JSON of at most 100 levels.
  static Value from_json(std::string_view json, std::string_view what = "JSON",
                         Origin origin = Origin::kData);

  bool is_undefined() const { return std::holds_alternative<Undefined>(storage_); }
  bool is_none() const { return std::holds_alternative<None>(storage_); }
  bool is_bool() const { return std::holds_alternative<bool>(storage_); }
  /// An integer that isn't a bool.
  bool is_int() const { return std::holds_alternative<Int>(storage_); }
  bool is_float() const { return std::holds_alternative<double>(storage_); }
  bool is_number() const { return is_int() || is_float() || is_bool(); }

  const Undefined* as_undefined() const { return std::get_if<Undefined>(&storage_); }
  const bool* as_bool() const { return std::get_if<bool>(&storage_); }
  const double* as_float() const { return std::get_if<double>(&storage_); }
  /// The value of an int or a bool.
  std::optional<Int> as_int() const;
  const Str* as_str() const;
  /// A list or a tuple.
  const List* as_list() const;
  const Dict* as_dict() const;
  Object* as_object() const;
  template <class T>
  T* as() const {
    return dynamic_cast<T*>(as_object());
  }
  const Storage& storage() const { return storage_; }

  /// Of numbers, None and booleans their own; of containers that of their punctuation; of strings
  /// that of all bytes.
  Origin origin() const;

 private:
  Storage storage_;
  Origin origin_ = Origin::kTemplate;
};

}  // namespace sirocco::jinja
