#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sirocco::testing {

/// A NumPy array, C order, as `numpy.save` writes it. Throws std::runtime_error for others.
template <class T>
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<T> values;
};

NpyArray<float> read_npy_floats(const std::filesystem::path& path);  ///< of four bytes
/// Of four bytes, signed or unsigned, or of two, unsigned.
NpyArray<std::int32_t> read_npy_integers(const std::filesystem::path& path);

}  // namespace sirocco::testing
