#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sirocco::json {

class Value;
using Array = std::vector<Value>;
/// Members in their order. `parse` lets no name occur twice.
using Object = std::vector<std::pair<std::string, Value>>;

/// A JSON value. Texts are well-formed UTF-8, numbers finite; an integer that 64 bits with a sign
/// can't hold is a double.
class Value {
 public:
  using Storage =
      std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;

  Value() = default;
  explicit Value(Storage storage) : storage_(std::move(storage)) {}

  bool is_null() const noexcept { return std::holds_alternative<std::nullptr_t>(storage_); }
  /// The alternative T; null where the value is another.
  template <class T>
  const T* as() const noexcept {
    return std::get_if<T>(&storage_);
  }

  /// As JSON has it: 1 and 1.0 are equal, and so are objects whose members stand in another order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  Storage storage_ = nullptr;
};

/// What one text may hold.
struct ParseLimits {
  std::size_t max_depth = 32;                     ///< arrays and objects in one another
  std::size_t max_values = std::size_t{1} << 20;  ///< of all kinds together
};

/// Reads JSON text of a request. Throws InvalidRequest for what RFC 8259 doesn't allow, for bytes
/// that are not UTF-8, halves of surrogate pairs, numbers beyond a double, a name that an object
/// has twice, and for more than the limits allow.
Value parse(std::string_view text, const ParseLimits& limits = {});

/// What stands there, for messages: "'abc'", "3", "an array".
std::string described(const Value& value);

}  // namespace sirocco::json
