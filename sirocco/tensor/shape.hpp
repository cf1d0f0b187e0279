#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace sirocco {

/// Extents of a tensor, outermost first; the last one is contiguous in memory. Up to four, as in
/// GGUF.
class Shape {
 public:
  static constexpr int kMaxRank = 4;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<std::int64_t> extents) {
    for (const std::int64_t extent : extents) extents_[static_cast<std::size_t>(rank_++)] = extent;
  }

  constexpr int rank() const { return rank_; }
  constexpr std::int64_t operator[](int axis) const {
    return extents_[static_cast<std::size_t>(axis)];
  }
  constexpr std::int64_t elements() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= (*this)[axis];
    return product;
  }
  /// The same shape but for the outermost extent.
  constexpr Shape with_outermost(std::int64_t extent) const {
    Shape out = *this;
    out.extents_[0] = extent;
    return out;
  }
  /// The same shape but for the innermost extent.
  constexpr Shape with_innermost(std::int64_t extent) const {
    Shape out = *this;
    out.extents_[static_cast<std::size_t>(rank_ - 1)] = extent;
    return out;
  }
  /// The same shape but for the last two extents.
  constexpr Shape with_matrix(std::int64_t rows, std::int64_t columns) const {
    Shape out = with_innermost(columns);
    out.extents_[static_cast<std::size_t>(rank_ - 2)] = rows;
    return out;
  }
  /// `extent` members of this shape.
  constexpr Shape with_new_outermost(std::int64_t extent) const {
    Shape out;
    out.rank_ = rank_ + 1;
    out.extents_[0] = extent;
    for (int axis = 0; axis < rank_; ++axis)
      out.extents_[static_cast<std::size_t>(axis) + 1] = (*this)[axis];
    return out;
  }
  /// The shape of one member of the outermost axis.
  constexpr Shape without_outermost() const {
    Shape out;
    out.rank_ = rank_ - 1;
    for (int axis = 1; axis < rank_; ++axis)
      out.extents_[static_cast<std::size_t>(axis - 1)] = (*this)[axis];
    return out;
  }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;

  /// "[576, 1536]", for messages.
  std::string to_string() const;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace sirocco
