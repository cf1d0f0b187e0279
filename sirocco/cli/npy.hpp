#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sirocco {

/// The header of a float32 array [rows, columns] in C order (NumPy's format, version 1.0), padded
/// to 64 bytes.
std::string npy_header(std::size_t rows, std::int64_t columns);

}  // namespace sirocco
