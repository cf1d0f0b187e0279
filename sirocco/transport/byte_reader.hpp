#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sirocco/transport/plain_value.hpp"

namespace sirocco {

/// A ByteReader reads what a ByteWriter wrote, front to back, and believes nothing: every bound is
/// checked before memory is taken. `what` names a value in the FormatError that all functions throw
/// where the bytes aren't such a value; the message has the offset too.
class ByteReader {
 public:
  /// `origin` says in messages whose bytes they are. Both outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view origin)
      : bytes_(bytes), origin_(origin) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  template <PlainValue T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }
  bool read_bool(std::string_view what);
  /// An enum whose values are 0 to `last`.
  template <class E>
    requires std::is_enum_v<E>
  E read_enum(E last, std::string_view what) {
    using Number = std::make_unsigned_t<std::underlying_type_t<E>>;
    const auto number = read<Number>(what);
    if (number > static_cast<Number>(last)) refuse_enum(number, static_cast<Number>(last), what);
    return static_cast<E>(number);
  }
  /// A text of at most `max_bytes`; any bytes.
  std::string read_string(std::uint64_t max_bytes, std::string_view what);
  /// At most `max_count` values, into `out`, which keeps its memory.
  template <PlainValue T>
  void read_values(std::vector<T>& out, std::uint64_t max_count, std::string_view what) {
    const std::size_t count = read_count(max_count, sizeof(T), what);
    const std::byte* const from = take(count * sizeof(T), what);
    out.resize(count);
    if (count > 0) std::memcpy(out.data(), from, count * sizeof(T));
  }
  template <PlainValue T>
  std::vector<T> read_values(std::uint64_t max_count, std::string_view what) {
    std::vector<T> values;
    read_values(values, max_count, what);
    return values;
  }
  /// Nothing, or what `read_value()` reads.
  template <class F>
  auto read_optional(F read_value, std::string_view what) -> std::optional<decltype(read_value())> {
    if (!read_bool(what)) return std::nullopt;
    return read_value();
  }
  /// At most `max_count` members, each what `read_member()` reads, which takes a byte at least: so
  /// no count is believed that the bytes can't hold.
  template <class F>
  auto read_each(F read_member, std::uint64_t max_count, std::string_view what)
      -> std::vector<decltype(read_member())> {
    std::vector<decltype(read_member())> members;
    for (std::size_t left = read_count(max_count, 1, what); left > 0; --left)
      members.push_back(read_member());
    return members;
  }
  /// All has been read: throws where bytes are left.
  void finish() const;

 private:
  const std::byte* take(std::size_t count, std::string_view what);
  /// A count of members that take `member_bytes` each, or more.
  std::size_t read_count(std::uint64_t max_count, std::size_t member_bytes, std::string_view what);
  [[noreturn]] void refuse_enum(std::uint64_t number, std::uint64_t last,
                                std::string_view what) const;

  std::span<const std::byte> bytes_;
  std::string_view origin_;
  std::size_t position_ = 0;
};

}  // namespace sirocco
