#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sirocco {

/// A JsonValue is a JSON document as it is written: members in their order, integers apart from
/// other numbers.
class JsonValue {
 public:
  struct Member;
  using Array = std::vector<JsonValue>;
  using Object = std::vector<Member>;
  using Value =
      std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;

  JsonValue();
  explicit JsonValue(Value v);
  JsonValue(const JsonValue&);
  JsonValue(JsonValue&&) noexcept;
  JsonValue& operator=(const JsonValue&);
  JsonValue& operator=(JsonValue&&) noexcept;
  ~JsonValue();

  /// The alternative of that type, or null.
  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  /// The member of an object, or null.
  const JsonValue* member(std::string_view name) const;

  Value value;
};

struct JsonValue::Member {
  std::string name;
  JsonValue value;
};

// Here, where a member is complete.
inline JsonValue::JsonValue() = default;
inline JsonValue::JsonValue(Value v) : value(std::move(v)) {}
inline JsonValue::JsonValue(const JsonValue&) = default;
inline JsonValue::JsonValue(JsonValue&&) noexcept = default;
inline JsonValue& JsonValue::operator=(const JsonValue&) = default;
inline JsonValue& JsonValue::operator=(JsonValue&&) noexcept = default;
inline JsonValue::~JsonValue() = default;

/// JsonLimits bound what one document may hold; the largest real ones take a tenth.
struct JsonLimits {
  std::size_t max_depth = 64;
  std::size_t max_memory = std::size_t{256} << 20;  ///< bytes that the values take
};

/// Parses a whole document (RFC 8259, UTF-8), and what Python's json writes and reads besides: NaN,
/// Infinity and -Infinity. A byte order mark in front, which editors leave, is skipped. Whole
/// numbers beyond 63 bits are numbers like others, infinite ones where they are beyond those too.
/// `origin` names the document in messages. Throws FormatError for what isn't JSON, for a name that
/// occurs twice in an object, and for documents beyond the limits.
JsonValue parse_json(std::string_view text, std::string_view origin, const JsonLimits& limits = {});

/// Parses a document that describes something, an object of at most 64 MiB of text. Throws
/// FormatError for others too.
JsonValue parse_json_description(std::string_view text, std::string_view origin);

}  // namespace sirocco
