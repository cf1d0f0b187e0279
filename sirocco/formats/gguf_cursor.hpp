#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "sirocco/base/error.hpp"

namespace sirocco {

/// A GgufCursor reads the header of a GGUF file from front to back. Every read is checked against
/// the end of the file; what a value takes in memory is charged to a budget before it is allocated.
class GgufCursor {
 public:
  /// What the metadata of one file may take in memory. The largest real ones take a tenth.
  static constexpr std::uint64_t kMetadataBudget = std::uint64_t{256} << 20;

  /// Both arguments outlive the cursor.
  GgufCursor(std::span<const std::byte> bytes, std::string_view origin)
      : bytes_(bytes), origin_(origin) {}

  std::string_view origin() const { return origin_; }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  /// The next little-endian number. `what` names it in the error for a file that ends too early.
  template <class T>
  T read(std::string_view what) {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  /// The next `count` bytes.
  const std::byte* take(std::uint64_t count, std::string_view what);

  /// A string: its length as 64 bits, then its bytes. A view into the file.
  std::string_view read_string(std::string_view what);

  /// The count of the members of `what`, at least `min_bytes` each: refused when they can't fit
  /// in what remains of the file.
  std::size_t checked_count(std::uint64_t count, std::size_t min_bytes, std::string_view what);

  /// Takes `count` times `bytes` from the budget.
  void charge(std::uint64_t count, std::uint64_t bytes);

 private:
  std::span<const std::byte> bytes_;
  std::string_view origin_;
  std::size_t position_ = 0;
  std::uint64_t budget_ = kMetadataBudget;
};

}  // namespace sirocco
