#pragma once

#include <algorithm>
#include <cstdint>

namespace sirocco {

/// A PictureStrip is rows of a picture with a pixel of zeros behind each and a row of zeros behind
/// the last: [rows + 1, width + 1, C].
class PictureStrip {
 public:
  static std::int64_t floats(std::int64_t rows, std::int64_t width, std::int64_t channels) {
    return (rows + 1) * (width + 1) * channels;
  }
  /// In a place for so many floats.
  PictureStrip(float* place, std::int64_t rows, std::int64_t width, std::int64_t channels)
      : x_(place), rows_(rows), width_(width), channels_(channels) {
    for (std::int64_t row = 0; row < rows; ++row) std::fill_n(pixel(row, width), channels, 0.0f);
    std::fill_n(pixel(rows, 0), (width + 1) * channels, 0.0f);
  }

  float* pixel(std::int64_t row, std::int64_t column) const {
    return x_ + (row * (width_ + 1) + column) * channels_;
  }
  /// Floats from the first pixel to a row: to that of zeros where `row` isn't in [0, count).
  std::int64_t row_offset(std::int64_t row, std::int64_t count) const {
    return (row >= 0 && row < count ? row : rows_) * (width_ + 1) * channels_;
  }
  std::int64_t column_offset(std::int64_t column) const {
    return (column >= 0 && column < width_ ? column : width_) * channels_;
  }
  std::int64_t width() const { return width_; }

 private:
  float* x_;
  std::int64_t rows_;
  std::int64_t width_;
  std::int64_t channels_;
};

}  // namespace sirocco
