#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sirocco {

// Files of NumPy arrays, as far as they are written and read here: float32, in C order.
// (numpy.lib.format, versions 1.0 to 3.0)

/// The header of a float32 array [rows, columns] in C order (NumPy's format, version 1.0), padded
/// to 64 bytes.
std::string npy_header(std::size_t rows, std::int64_t columns);

/// An NpyArray is what such a file holds.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< row by row
};

/// Reads a file. Throws NotFound, IoError, FormatError for what is damaged or no such file,
/// UnsupportedError for elements other than little-endian float32 and for Fortran's order.
NpyArray read_npy(const std::filesystem::path& path);

}  // namespace sirocco
