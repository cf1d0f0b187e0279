#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

Tensor Tensor::slice_rows(std::int64_t begin, std::int64_t count) const {
  SIROCCO_CHECK(begin >= 0 && count >= 0 && begin + count <= rows());
  Shape shape = shape_.with_outermost(count);
  return {dtype_, shape,
          data_ + begin * columns() * static_cast<std::int64_t>(dtype_bytes(dtype_))};
}

}  // namespace sirocco
