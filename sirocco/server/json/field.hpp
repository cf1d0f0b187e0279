#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/server/json/value.hpp"

namespace sirocco::json {

// What a value may be. One description checks the value, words the error and fills the page of
// documentation.

struct Boolean {};
struct Integer {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
struct Number {
  double min = -std::numeric_limits<double>::max();
  double max = std::numeric_limits<double>::max();
  bool above_min = false;  ///< `min` itself isn't allowed
};
struct Text {
  std::size_t max_bytes = std::numeric_limits<std::size_t>::max();
};
struct ListOf {
  std::string_view what;  ///< "messages"
  std::size_t min_items = 0;
  std::size_t max_items = std::numeric_limits<std::size_t>::max();
};
struct ObjectOf {
  std::string_view what;  ///< "members": "an object of members"
};
/// One of the values of a JSON array: R"(["auto", "none"])"; of an empty one, none but null.
struct OneOf {
  std::string_view values;
};
/// Checked by whoever reads it.
struct Described {
  std::string_view words;
};
using Expected = std::variant<Boolean, Integer, Number, Text, ListOf, ObjectOf, OneOf, Described>;

/// "a number from 0 to 2".
std::string words(const Expected& expected);

/// A value of a request and its place there. Refers to the value, which outlives it.
class Field {
 public:
  /// `path` is empty for the body itself.
  explicit Field(const Value& value, std::string path = {})
      : value_(&value), path_(std::move(path)) {}

  const Value& value() const { return *value_; }
  const std::string& path() const { return path_; }

  // The value as one of the kinds. Each throws InvalidRequest that names the place, what was found
  // there and what may be.

  bool boolean() const;
  /// A number without a fraction counts, however it is written.
  std::int64_t integer(Integer range = {}) const;
  double number(Number range = {}) const;
  const std::string& text(Text limit = {}) const;
  const Array& list(const ListOf& expected) const;
  const Object& object(const ObjectOf& expected) const;

  /// Throws where the value isn't what is expected.
  void require(const Expected& expected) const;
  bool is(const Expected& expected) const;

  /// An item of an array, a member of an object.
  Field item(std::size_t index) const;
  Field member(const Object::value_type& member) const;

  /// Throws InvalidRequest for this place: `message` follows the name of the place and a colon.
  [[noreturn]] void fail(std::string_view code, std::string_view message) const;
  /// Throws: "found …; expected …".
  [[noreturn]] void fail_expecting(std::string_view code, std::string_view expected) const;

 private:
  const Value* value_;
  std::string path_;
};

}  // namespace sirocco::json
