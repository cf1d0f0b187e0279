#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "sirocco/jinja/objects.hpp"

/// Filters, tests, methods and global functions: C++ behind tables of names.
namespace sirocco::jinja {

class Runtime;

/// Arguments in the order of a function's parameters.
class Bound {
 public:
  explicit Bound(std::vector<std::optional<Value>> values) : values_(std::move(values)) {}
  bool has(std::size_t index) const { return values_[index].has_value(); }
  const Value& at(std::size_t index) const { return *values_[index]; }
  Value get(std::size_t index, Value otherwise = Value::none()) const {
    return values_[index] ? *values_[index] : std::move(otherwise);
  }

 private:
  std::vector<std::optional<Value>> values_;
};

/// One function. `self` is what a filter or test is applied to, or the object of a method.
struct Native {
  static constexpr std::size_t kMaxParameters = 5;
  using Function = Value (*)(Runtime& runtime, const Value& self, const Bound& arguments);
  using Variadic = Value (*)(Runtime& runtime, const Value& self, Arguments& arguments);

  std::string_view name;
  /// Names of the parameters after `self`; "-" for one that takes no keyword.
  std::array<std::string_view, kMaxParameters> parameters{};
  std::size_t required = 0;
  Function function = nullptr;
  Variadic variadic = nullptr;  ///< takes the arguments as they come

  Value operator()(Runtime& runtime, const Value& self, Arguments& arguments) const;
};

/// nullptr where there is none of that name.
const Native* find_filter(std::string_view name);
const Native* find_test(std::string_view name);

/// A method or other attribute that Python's type has; nothing where it has none of that name.
std::optional<Value> find_attribute(Runtime& runtime, const Value& value, std::string_view name);

/// The same for cyclers, joiners and ranges.
std::optional<Value> find_object_attribute(Runtime& runtime, const Value& value,
                                           std::string_view name);

/// The functions that every template sees, by name.
std::vector<std::pair<std::string_view, Value>> global_functions();

// The tables' parts; each file of filters or methods hands out its own.
std::span<const Native> text_filters();
std::span<const Native> number_filters();
std::span<const Native> sequence_filters();
std::span<const Native> wrap_filters();
std::span<const Native> string_methods();

}  // namespace sirocco::jinja
