#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "sirocco/nn/convolution.hpp"

namespace sirocco {

/// A FrameEmbedding makes the residual stream of log-mel frames: two convolutions, of which the
/// second makes one row of two, and a learned vector for each place. (Radford et al. 2022)
class FrameEmbedding {
 public:
  /// `positions` is [P, K]. Throws InvalidArgument unless they fit one another.
  FrameEmbedding(Convolution first, Convolution second,
                 std::shared_ptr<const WeightMatrix> positions);

  std::int64_t width() const { return positions_->columns(); }
  std::int32_t positions() const { return static_cast<std::int32_t>(positions_->rows()); }

  /// Products of two numbers that a row takes: two of the first convolution and one of the second.
  std::int64_t products() const { return 2 * first_.products() + second_.products(); }

  /// The context's rows of one window, x f32 [n, K], of its frames, f32 [F, bins]. A window may
  /// have more frames than become rows: they are what the last rows' convolutions see behind them.
  /// Rows are F / 2 at most, rounded up.
  void forward(std::span<const float> frames, const Tensor& x, TransformContext& context) const;

 private:
  Convolution first_;
  Convolution second_;
  std::shared_ptr<const WeightMatrix> positions_;
};

}  // namespace sirocco
