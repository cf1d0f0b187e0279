#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sirocco/transport/plain_value.hpp"

namespace sirocco {

/// A ByteWriter makes bytes of values, one after another, little-endian. ByteReader has a
/// counterpart to each function, which gives the value back:
///
///   ByteWriter writer;
///   writer.write(step);
///   writer.write_values(std::span(tokens));
///   writer.write_each(groups, [&](const Group& group) { writer.write(group.blocks); });
///   frame.payload = writer.take();
class ByteWriter {
 public:
  template <PlainValue T>
  void write(T value) {
    append(&value, sizeof(T));
  }
  /// A template, so that nothing else turns into a bool.
  template <std::same_as<bool> T>
  void write(T value) {
    write(static_cast<std::uint8_t>(value ? 1 : 0));
  }
  template <class E>
    requires std::is_enum_v<E>
  void write_enum(E value) {
    write(static_cast<std::underlying_type_t<E>>(value));
  }
  void write_string(std::string_view text) {
    write(std::uint64_t{text.size()});
    append(text.data(), text.size());
  }
  /// How many there are, then the values.
  template <PlainValue T>
  void write_values(std::span<const T> values) {
    write(std::uint64_t{values.size()});
    append(values.data(), values.size_bytes());
  }
  template <PlainValue T>
  void write_values(const std::vector<T>& values) {
    write_values(std::span<const T>(values));
  }
  /// Whether there is a value, then what `write_value(value)` writes of it.
  template <class T, std::invocable<const T&> F>
  void write_optional(const std::optional<T>& value, F write_value) {
    write(value.has_value());
    if (value) write_value(*value);
  }
  /// How many members there are, then what `write_member(member)` writes of each.
  template <std::ranges::sized_range R, class F>
  void write_each(const R& members, F write_member) {
    write(static_cast<std::uint64_t>(std::ranges::size(members)));
    for (const auto& member : members) write_member(member);
  }

  std::size_t size() const { return bytes_.size(); }
  /// Room for so many bytes in all, so that writing them moves none.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  /// What was written; the writer is empty again.
  std::vector<std::byte> take() { return std::exchange(bytes_, {}); }

 private:
  void append(const void* from, std::size_t size);

  std::vector<std::byte> bytes_;
};

}  // namespace sirocco
