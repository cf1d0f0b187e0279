#pragma once

#include <cstddef>
#include <cstdint>

#include "sirocco/base/error.hpp"
#include "sirocco/tensor/shape.hpp"

namespace sirocco {

/// Element types of activations, caches and index tensors. (Weights have a Format instead.)
enum class DType : std::uint8_t { kF32, kF16, kI32, kU8 };

constexpr std::size_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 4;
    case DType::kF16:
      return 2;
    case DType::kI32:
      return 4;
    case DType::kU8:
      return 1;
  }
  return 0;
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr DType value = DType::kF16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::kI32;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::kU8;
};

/// A dense row-major view of memory that something else owns: an arena, a cache, a weight. Copying
/// copies the view. What lies behind `as` may be read and written only by the backend that the
/// memory belongs to.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape, void* data)
      : data_(static_cast<std::byte*>(data)), shape_(shape), dtype_(dtype) {}

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t rows() const { return shape_[0]; }
  /// Elements of one row: the product of all extents but the first.
  std::int64_t columns() const { return shape_[0] == 0 ? 0 : shape_.elements() / shape_[0]; }
  explicit operator bool() const { return data_ != nullptr; }

  /// The first element. T is the element type, `std::uint16_t` for f16.
  template <class T>
  T* as() const {
    SIROCCO_CHECK(DTypeOf<T>::value == dtype_);
    return reinterpret_cast<T*>(data_);
  }

  /// The same elements in another shape of the same size.
  Tensor reshaped(const Shape& shape) const {
    SIROCCO_CHECK(shape.elements() == shape_.elements());
    return {dtype_, shape, data_};
  }

  /// Rows [begin, begin + count).
  Tensor slice_rows(std::int64_t begin, std::int64_t count) const;

 private:
  std::byte* data_ = nullptr;
  Shape shape_{0};
  DType dtype_ = DType::kF32;
};

}  // namespace sirocco
