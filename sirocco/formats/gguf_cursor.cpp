#include "sirocco/formats/gguf_cursor.hpp"

#include "sirocco/base/checked.hpp"

namespace sirocco {

const std::byte* GgufCursor::take(std::uint64_t count, std::string_view what) {
  if (count > remaining()) {
    throw FormatError(
        "{}: {} takes {} bytes at offset {}, but the file ends at {}; it is cut short or damaged: "
        "fetch it again",
        origin_, what, count, position_, bytes_.size());
  }
  const std::byte* const at = bytes_.data() + position_;
  position_ += static_cast<std::size_t>(count);
  return at;
}

std::string_view GgufCursor::read_string(std::string_view what) {
  const auto length = read<std::uint64_t>(what);
  const std::byte* const at = take(length, what);
  charge(length, 1);
  return {reinterpret_cast<const char*>(at), static_cast<std::size_t>(length)};
}

std::size_t GgufCursor::checked_count(std::uint64_t count, std::size_t min_bytes,
                                      std::string_view what) {
  if (count > remaining() / min_bytes) {
    throw FormatError(
        "{}: {} has {} members by its own count, too many for the {} bytes after offset {}; the "
        "file is cut short or damaged: fetch it again",
        origin_, what, count, remaining(), position_);
  }
  return static_cast<std::size_t>(count);
}

void GgufCursor::charge(std::uint64_t count, std::uint64_t bytes) {
  const auto total = checked_mul(count, bytes);
  if (!total || *total > budget_) {
    throw FormatError(
        "{}: its metadata would take more than {} MiB, which no model needs; the file is damaged: "
        "fetch it again",
        origin_, kMetadataBudget >> 20);
  }
  budget_ -= *total;
}

}  // namespace sirocco
