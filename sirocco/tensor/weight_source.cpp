#include "sirocco/tensor/weight_source.hpp"

#include <cstring>

#include "sirocco/base/error.hpp"

namespace sirocco {

std::size_t StoredTensor::size_bytes() const {
  return static_cast<std::size_t>(rows()) * row_bytes(*format, columns());
}

void StoredTensor::read(std::int64_t row, std::int64_t column, std::int64_t count,
                        std::byte* out) const noexcept {
  if (made != nullptr) return made->read(first_row + row, column, count, out);
  const std::size_t begin =
      static_cast<std::size_t>(row) * row_bytes(*format, columns()) + row_bytes(*format, column);
  std::memcpy(out, bytes.data() + begin, row_bytes(*format, count));
}

void StoredTensor::read_rows(std::int64_t first, std::int64_t count,
                             std::byte* out) const noexcept {
  const std::size_t size = row_bytes(*format, columns());
  for (std::int64_t i = 0; i < count; ++i)
    read(first + i, 0, columns(), out + static_cast<std::size_t>(i) * size);
}

StoredTensor StoredTensor::members(std::int64_t first, std::int64_t count) const {
  SIROCCO_CHECK(first >= 0 && count > 0 && first + count <= shape[0]);
  // A vector has no rows to choose from, only blocks.
  SIROCCO_CHECK(shape.rank() > 1 || (made == nullptr && first % format->block_elements == 0 &&
                                     count % format->block_elements == 0));
  StoredTensor out = *this;
  out.shape = shape.with_outermost(count);
  const std::int64_t rows_each = shape.rank() > 1 ? rows() / shape[0] : 0;
  if (made != nullptr) {
    out.first_row += first * rows_each;
    return out;
  }
  const std::size_t begin =
      shape.rank() > 1 ? static_cast<std::size_t>(first * rows_each) * row_bytes(*format, columns())
                       : row_bytes(*format, first);
  out.bytes = bytes.subspan(begin, out.size_bytes());
  return out;
}

StoredTensor StoredTensor::row_range(std::int64_t first, std::int64_t count) const {
  StoredTensor all = *this;
  all.shape = {rows(), columns()};
  return all.members(first, count);
}

StoredTensor StoredTensor::member(std::int64_t index) const {
  SIROCCO_CHECK(shape.rank() > 1);
  StoredTensor out = members(index, 1);
  out.shape = shape.without_outermost();
  return out;
}

std::string WeightSource::called(std::string_view name) const { return quoted(name); }

}  // namespace sirocco
