#include "sirocco/cli/npy.hpp"

#include <fmt/format.h>

#include <bit>

namespace sirocco {

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

}  // namespace sirocco
