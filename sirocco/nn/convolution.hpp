#pragma once

#include <cstdint>

#include "sirocco/nn/linear.hpp"

namespace sirocco {

/// A Convolution is a convolution along the rows of a sequence: each of its rows is a product of
/// three neighbouring ones, of every row or of every second; beyond the ends of a sequence stand
/// zeros. Throws InvalidArgument when the product doesn't take three rows.
class Convolution {
 public:
  static constexpr std::int64_t kTaps = 3;

  /// `kernel` is [N, 3 · C], row by row; `stride` is how many rows its middle goes on.
  Convolution(Linear kernel, std::int64_t stride);

  std::int64_t inputs() const { return kernel_.inputs() / kTaps; }
  std::int64_t outputs() const { return kernel_.outputs(); }

  std::int64_t products() const { return kernel_.products(); }  ///< that a row of the result takes

  /// The rows that some of the result are made of, of a sequence of `length`. The result has
  /// length / stride rows, rounded up.
  RowRange reads(RowRange made, std::int64_t length) const;
  /// Some rows of the result, f32 [n, N] in the context's scratch memory. x, f32 [R, C], are the
  /// rows that they read.
  Tensor forward(const Tensor& x, RowRange made, std::int64_t length,
                 TransformContext& context) const;

 private:
  Linear kernel_;
  std::int64_t stride_;
};

}  // namespace sirocco
