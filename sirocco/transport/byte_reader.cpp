#include "sirocco/transport/byte_reader.hpp"

#include "sirocco/base/error.hpp"

namespace sirocco {

bool ByteReader::read_bool(std::string_view what) {
  const std::size_t at = position_;
  const auto value = read<std::uint8_t>(what);
  if (value > 1)
    throw FormatError("{}: {} at offset {} is {}, neither 0 nor 1", origin_, what, at, value);
  return value == 1;
}

std::string ByteReader::read_string(std::uint64_t max_bytes, std::string_view what) {
  const std::size_t size = read_count(max_bytes, 1, what);
  return {reinterpret_cast<const char*>(take(size, what)), size};
}

void ByteReader::finish() const {
  if (remaining() != 0) {
    throw FormatError("{}: {} bytes are left after offset {}, where it ought to end", origin_,
                      remaining(), position_);
  }
}

const std::byte* ByteReader::take(std::size_t count, std::string_view what) {
  if (count > remaining()) {
    throw FormatError("{}: {} takes {} bytes at offset {}, but {} are left", origin_, what, count,
                      position_, remaining());
  }
  const std::byte* const at = bytes_.data() + position_;
  position_ += count;
  return at;
}

std::size_t ByteReader::read_count(std::uint64_t max_count, std::size_t member_bytes,
                                   std::string_view what) {
  const std::size_t at = position_;
  const auto count = read<std::uint64_t>(what);
  if (count > max_count) {
    throw FormatError("{}: {} at offset {} counts {} members, but {} are the most", origin_, what,
                      at, count, max_count);
  }
  if (count > remaining() / member_bytes) {
    throw FormatError("{}: {} at offset {} counts {} members of {} bytes or more, but {} are left",
                      origin_, what, at, count, member_bytes, remaining());
  }
  return static_cast<std::size_t>(count);
}

void ByteReader::refuse_enum(std::uint64_t number, std::uint64_t last,
                             std::string_view what) const {
  throw FormatError("{}: {} before offset {} is {}, but {} is the last", origin_, what, position_,
                    number, last);
}

}  // namespace sirocco
