#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "sirocco/formats/gguf_header.hpp"

namespace sirocco {
namespace {

/// The type of a metadata value, as the file numbers it.
enum class ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

constexpr std::size_t kMaxKeyBytes = 65535;  // by the specification
constexpr int kMaxArrayDepth = 8;

/// A value in the file: how it is stored, how MetadataValue holds it, its least size in the file.
template <class T>
struct Stored {
  using Held = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
  static constexpr std::size_t kMinBytes = sizeof(T);
};
template <>
struct Stored<bool> {
  using Held = bool;
  static constexpr std::size_t kMinBytes = 1;
};
template <>
struct Stored<std::string_view> {
  using Held = std::string_view;
  static constexpr std::size_t kMinBytes = sizeof(std::uint64_t);
};

class EntryReader {
 public:
  EntryReader(GgufCursor& cursor, std::string_view key)
      : cursor_(cursor), what_("the value of " + quoted(key)) {}

  /// Nothing for an array of arrays.
  std::optional<MetadataValue> read();

 private:
  ValueType read_type() { return static_cast<ValueType>(cursor_.read<std::uint32_t>(what_)); }

  template <class Body>
  auto with_type(ValueType type, Body body) {
    switch (type) {
      case ValueType::kUint8:
        return body(std::type_identity<std::uint8_t>{});
      case ValueType::kInt8:
        return body(std::type_identity<std::int8_t>{});
      case ValueType::kUint16:
        return body(std::type_identity<std::uint16_t>{});
      case ValueType::kInt16:
        return body(std::type_identity<std::int16_t>{});
      case ValueType::kUint32:
        return body(std::type_identity<std::uint32_t>{});
      case ValueType::kInt32:
        return body(std::type_identity<std::int32_t>{});
      case ValueType::kFloat32:
        return body(std::type_identity<float>{});
      case ValueType::kBool:
        return body(std::type_identity<bool>{});
      case ValueType::kString:
        return body(std::type_identity<std::string_view>{});
      case ValueType::kUint64:
        return body(std::type_identity<std::uint64_t>{});
      case ValueType::kInt64:
        return body(std::type_identity<std::int64_t>{});
      case ValueType::kFloat64:
        return body(std::type_identity<double>{});
      case ValueType::kArray:
        break;
    }
    throw FormatError(
        "{}: {} has type {} at offset {}, but GGUF has types 0 to 12; the file is damaged: fetch "
        "it again",
        cursor_.origin(), what_, static_cast<std::uint32_t>(type),
        cursor_.position() - sizeof(std::uint32_t));
  }

  template <class T>
  typename Stored<T>::Held one() {
    if constexpr (std::is_same_v<T, std::string_view>) {
      return cursor_.read_string(what_);
    } else if constexpr (std::is_same_v<T, bool>) {
      const auto byte = cursor_.read<std::uint8_t>(what_);
      if (byte > 1) {
        throw FormatError("{}: {} is the boolean {}, but only 0 and 1 are allowed",
                          cursor_.origin(), what_, byte);
      }
      return byte == 1;
    } else {
      const T value = cursor_.read<T>(what_);
      if constexpr (std::is_same_v<T, std::uint64_t>) {
        if (!std::in_range<std::int64_t>(value)) {
          throw FormatError("{}: {} is {}, which is beyond the largest integer read here, {}",
                            cursor_.origin(), what_, value,
                            std::numeric_limits<std::int64_t>::max());
        }
      }
      return static_cast<typename Stored<T>::Held>(value);
    }
  }

  std::optional<MetadataValue> read_array(int depth) {
    if (depth > kMaxArrayDepth) {
      throw FormatError("{}: {} holds arrays nested more than {} deep; the file is damaged",
                        cursor_.origin(), what_, kMaxArrayDepth);
    }
    const ValueType type = read_type();
    const auto count = cursor_.read<std::uint64_t>(what_);
    if (type == ValueType::kArray) {
      constexpr std::size_t kMinArrayBytes = sizeof(std::uint32_t) + sizeof(std::uint64_t);
      const std::size_t members = cursor_.checked_count(count, kMinArrayBytes, what_);
      cursor_.charge(members, kMinArrayBytes);
      for (std::size_t i = 0; i < members; ++i) read_array(depth + 1);
      return std::nullopt;
    }
    return with_type(type, [&]<class T>(std::type_identity<T>) {
      const std::size_t members = cursor_.checked_count(count, Stored<T>::kMinBytes, what_);
      cursor_.charge(members, sizeof(typename Stored<T>::Held));
      std::vector<typename Stored<T>::Held> values;
      values.reserve(members);
      for (std::size_t i = 0; i < members; ++i) values.push_back(one<T>());
      return MetadataValue(std::move(values));
    });
  }

  GgufCursor& cursor_;
  std::string what_;
};

std::optional<MetadataValue> EntryReader::read() {
  const ValueType type = read_type();
  if (type == ValueType::kArray) return read_array(1);
  return with_type(type, [&]<class T>(std::type_identity<T>) { return MetadataValue(one<T>()); });
}

}  // namespace

std::vector<GgufEntry> read_entries(GgufCursor& cursor, std::uint64_t count) {
  // Length and one byte of the key, type, the smallest value.
  constexpr std::size_t kMinEntryBytes = sizeof(std::uint64_t) + 1 + sizeof(std::uint32_t) + 1;
  const std::size_t members = cursor.checked_count(count, kMinEntryBytes, "the list of metadata");
  cursor.charge(members, sizeof(GgufEntry));
  std::vector<GgufEntry> entries;
  entries.reserve(members);
  for (std::size_t i = 0; i < members; ++i) {
    const std::string_view key = cursor.read_string("a metadata key");
    if (key.empty() || key.size() > kMaxKeyBytes) {
      throw FormatError("{}: metadata key {} of {} has {} bytes, allowed are 1 to {}",
                        cursor.origin(), i + 1, count, key.size(), kMaxKeyBytes);
    }
    if (auto value = EntryReader(cursor, key).read()) {
      entries.push_back({key, *std::move(value)});
    }
  }
  return entries;
}

}  // namespace sirocco
