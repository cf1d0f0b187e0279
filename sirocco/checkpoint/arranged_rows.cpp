#include "sirocco/checkpoint/arranged_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace sirocco {
namespace {

// Elements that pass through the stack at a time: whole blocks of every format.
constexpr std::int64_t kPiece = 1024;
constexpr std::size_t kMaxElement = sizeof(float);

/// use(values) for each piece of `count` elements of a stored row, decoded, from `column` on.
template <class Use>
void each_piece(const StoredTensor& stored, std::int64_t row, std::int64_t column,
                std::int64_t count, Use use) {
  std::array<std::byte, kPiece * kMaxElement> encoded;
  std::array<float, kPiece> values;
  for (std::int64_t done = 0; done < count; done += kPiece) {
    const std::int64_t size = std::min(kPiece, count - done);
    stored.read(row, column + done, size, encoded.data());
    stored.format->decode(encoded.data(),
                          static_cast<std::size_t>(size) / stored.format->block_elements,
                          values.data());
    use(std::span(values).first(static_cast<std::size_t>(size)));
  }
}

}  // namespace

void ArrangedRows::read(std::int64_t row, std::int64_t column, std::int64_t count,
                        std::byte* out) const noexcept {
  const std::int64_t member = row / order_.rows;
  const std::int64_t output = order_.row_offset + row % order_.rows * order_.row_step;
  const std::int64_t stored_rows =
      stored_.shape.rank() < 2 ? 1 : stored_.shape[stored_.shape.rank() - 2];
  if (!order_.transposed) {
    return stored_.read(member * stored_rows + output, column, count, out);
  }
  const std::size_t size = stored_.format->block_bytes;
  if (stored_.made == nullptr) {
    const auto width = static_cast<std::size_t>(stored_.columns());
    const std::byte* from =
        stored_.bytes.data() + (static_cast<std::size_t>(member * stored_rows + column) * width +
                                static_cast<std::size_t>(output)) *
                                   size;
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(out, from, size);
      out += size;
      from += width * size;
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    stored_.read(member * stored_rows + column + i, output, 1,
                 out + static_cast<std::size_t>(i) * size);
  }
}

void ArrangedRows::release(std::int64_t first, std::int64_t count,
                           const WeightSource& source) const {
  if (stored_.shape.rank() < 2) return source.release(stored_);
  const std::int64_t stored_rows = stored_.shape[stored_.shape.rank() - 2];
  for (std::int64_t member = first / order_.rows; member * order_.rows < first + count; ++member) {
    const std::int64_t begin = std::max<std::int64_t>(first - member * order_.rows, 0);
    const std::int64_t end = std::min(first + count - member * order_.rows, order_.rows);
    const std::int64_t top = member * stored_rows;
    if (!order_.transposed) {
      source.release(stored_.row_range(top + order_.row_offset + begin * order_.row_step,
                                       (end - begin - 1) * order_.row_step + 1));
    } else if (end == order_.rows) {
      // Each row is a column of all that is stored.
      source.release(stored_.row_range(top, stored_rows));
    }
  }
}

void StackedRows::read(std::int64_t row, std::int64_t column, std::int64_t count,
                       std::byte* out) const noexcept {
  const std::int64_t rows = members_.front().rows();
  members_[static_cast<std::size_t>(row / rows)].read(row % rows, column, count, out);
}

void StackedRows::release(std::int64_t first, std::int64_t count,
                          const WeightSource& source) const {
  const std::int64_t rows = members_.front().rows();
  for (std::int64_t i = first / rows; i * rows < first + count; ++i) {
    const std::int64_t begin = std::max<std::int64_t>(first - i * rows, 0);
    const std::int64_t end = std::min(first + count - i * rows, rows);
    source.release(members_[static_cast<std::size_t>(i)].row_range(begin, end - begin));
  }
}

void StridedColumns::read(std::int64_t row, std::int64_t column, std::int64_t count,
                          std::byte* out) const noexcept {
  const std::size_t size = stored_.format->block_bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    stored_.read(row, offset_ + (column + i) * step_, 1, out + static_cast<std::size_t>(i) * size);
  }
}

void StridedColumns::release(std::int64_t, std::int64_t, const WeightSource& source) const {
  source.release(stored_);
}

void OnePlusRows::read(std::int64_t row, std::int64_t column, std::int64_t count,
                       std::byte* out) const noexcept {
  each_piece(stored_, row, column, count, [&](std::span<float> values) {
    for (float& value : values) value = 1.0f + value;
    std::memcpy(out, values.data(), values.size_bytes());
    out += values.size_bytes();
  });
}

void OnePlusRows::release(std::int64_t, std::int64_t, const WeightSource& source) const {
  source.release(stored_);
}

void ConvertedRows::read(std::int64_t row, std::int64_t column, std::int64_t count,
                         std::byte* out) const noexcept {
  each_piece(stored_, row, column, count, [&](std::span<const float> values) {
    to_.encode(values.data(), values.size() / to_.block_elements, out);
    out += row_bytes(to_, std::ssize(values));
  });
}

void ConvertedRows::release(std::int64_t first, std::int64_t count,
                            const WeightSource& source) const {
  source.release(stored_.row_range(first, count));
}

}  // namespace sirocco
