#pragma once

#include <cstdint>
#include <memory>

#include "sirocco/nn/convolution.hpp"
#include "sirocco/nn/step_results.hpp"

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

  /// f32 [S · F, bins] to [S · T, K], the rows of the context, whose S sequences are windows of
  /// equal length. A window may have more frames than become rows: they are what the last rows'
  /// convolutions see behind them. T is at most F / 2, rounded up.
  Hidden forward(const Tensor& frames, TransformContext& context) const;

 private:
  Convolution first_;
  Convolution second_;
  std::shared_ptr<const WeightMatrix> positions_;
};

}  // namespace sirocco
