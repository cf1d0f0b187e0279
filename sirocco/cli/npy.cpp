#include "sirocco/cli/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

/// What stands behind a key of the dictionary in a header, up to its end.
std::string_view behind_key(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == header.npos) throw FormatError("its header doesn't say '{}'", key);
  header.remove_prefix(at + key.size() + 3);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

std::vector<std::int64_t> read_shape(std::string_view text) {
  std::vector<std::int64_t> shape;
  if (!text.starts_with('(')) throw FormatError("its header has no shape");
  text.remove_prefix(1);
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    if (text.starts_with(')')) return shape;
    std::int64_t extent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), extent);
    if (error != std::errc() || extent < 0) throw FormatError("its header has no shape");
    shape.push_back(extent);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
}

NpyArray parse_npy(std::string_view file) {
  if (!file.starts_with(kMagic) || file.size() < 12) throw FormatError("it is no array of NumPy");
  const auto byte = [&](std::size_t at) {
    return std::size_t{static_cast<unsigned char>(file[at])};
  };
  const bool is_first = byte(6) == 1;
  const std::size_t begin = is_first ? 10 : 12;
  const std::size_t length =
      byte(8) | byte(9) << 8 | (is_first ? 0 : byte(10) << 16 | byte(11) << 24);
  if (byte(6) < 1 || byte(6) > 3 || length > file.size() - begin)
    throw FormatError("it is cut off, or of a version that isn't known");
  const std::string_view header = file.substr(begin, length);
  if (!behind_key(header, "descr").starts_with("'<f4'"))
    throw UnsupportedError("its elements aren't little-endian float32 ('<f4')");
  if (!behind_key(header, "fortran_order").starts_with("False"))
    throw UnsupportedError("it is in Fortran's order");
  NpyArray out{read_shape(behind_key(header, "shape")), {}};
  const std::string_view data = file.substr(begin + length);
  std::size_t count = 1;
  for (const std::int64_t extent : out.shape) {
    const auto size = static_cast<std::size_t>(extent);
    if (size != 0 && count > data.size() / size) throw FormatError("it ends too early");
    count *= size;
  }
  if (data.size() != count * sizeof(float))
    throw FormatError("it holds {} bytes of elements; {} are expected", data.size(),
                      count * sizeof(float));
  out.values.resize(count);
  // Not memcpy, which takes no null pointers: an array without elements has one.
  std::ranges::copy(std::as_bytes(std::span(data)),
                    std::as_writable_bytes(std::span(out.values)).begin());
  return out;
}

}  // namespace

std::string npy_header(std::size_t rows, std::int64_t columns) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::size_t kPrefix = 10;
  std::string text =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  text.append(63 - (kPrefix + text.size()) % 64, ' ');
  text += '\n';
  std::string out = "\x93NUMPY";
  out +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  return out + text;
}

NpyArray read_npy(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  try {
    return parse_npy(file);
  } catch (const FormatError& e) {
    throw FormatError("{}: {}", path.native(), e.what());
  } catch (const UnsupportedError& e) {
    throw UnsupportedError("{}: {}", path.native(), e.what());
  }
}

}  // namespace sirocco
