#pragma once

#include <cstdint>

#include "sirocco/tensor/out.hpp"
#include "sirocco/tensor/tensor.hpp"

namespace sirocco {

class WeightMatrix;

/// A PictureExtent is how many rows of pixels a picture has, and pixels a row. Its tensors are f32
/// [height · width, C], row by row, the channels of a pixel together.
struct PictureExtent {
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int64_t pixels() const { return std::int64_t{height} * width; }
  friend bool operator==(const PictureExtent&, const PictureExtent&) = default;
};

/// What a convolution does to the size of a picture.
enum class Resizing : std::uint8_t {
  kNone,    ///< a pixel beyond every edge is 0
  kDouble,  ///< each pixel stands for two by two of them, before the convolution
  kHalve,   ///< of every second pixel and row; 0 beyond the right and the lower edge only
};

/// The extent that a convolution makes of `x`. Halved, a last odd row or column is lost.
constexpr PictureExtent convolved(PictureExtent x, Resizing resizing) {
  if (resizing == Resizing::kDouble) return {2 * x.height, 2 * x.width};
  if (resizing == Resizing::kHalve) return {x.height / 2, x.width / 2};
  return x;
}

/// A convolution by 3 x 3 pixels. Products are of floats, whatever the format of the weights.
struct ConvolutionArgs {
  Tensor x;                    ///< f32 [h · w, C]
  PictureExtent extent;        ///< h and w
  Tensor factors;              ///< f32 [2, C]: what `scale_channels` does to x before; or empty
  const WeightMatrix* weight;  ///< [N, 9 · C]: pixels row by row, the channels of each together
  Tensor bias;                 ///< f32 [N], or empty
  Resizing resizing = Resizing::kNone;
  /// f32 [h' · w', N], to be added to the result; or empty, as it is where the extent is halved.
  /// May be `out`.
  Tensor added = {};
  Out<Tensor> out;  ///< f32 [h' · w', N], of the resized extent; not `x`
};

/// The ops of pictures that are whole in a step, besides their products. They obey the contract of
/// Ops: the bits depend on the picture, not on the number of threads.
class PictureOps {
 public:
  virtual ~PictureOps() = default;

  /// How a group norm scales channels: of x, f32 [P, C], whose channels are `groups` groups of as
  /// many each, (x - mean) / sqrt(variance + epsilon) · weight + bias, over all pixels and channels
  /// of a group, is x · factors[0] + factors[1]. Weight and bias f32 [C], factors f32 [2, C]. (Wu &
  /// He 2018)
  virtual void group_factors(const Tensor& x, std::int64_t groups, const Tensor& weight,
                             const Tensor& bias, float epsilon, const Out<Tensor>& factors) = 0;

  /// y = x · factors[0] + factors[1], channel by channel; then, where `activated`, SiLU(y). f32
  /// [P, C], factors f32 [2, C]. `out` may be `x`.
  virtual void scale_channels(const Tensor& x, const Tensor& factors, bool activated,
                              const Out<Tensor>& out) = 0;

  /// out = mean + exp(logvar / 2) · noise. `moments` f32 [P, 2 · C]: means, then logarithms of
  /// variances, which count as -30 to 20. f32 [P, C].
  virtual void draw(const Tensor& moments, const Tensor& noise, const Out<Tensor>& out) = 0;
};

/// The products of pictures. In a model, Linear (nn) is the only way to them.
class PictureProducts {
 public:
  virtual ~PictureProducts() = default;

  /// A convolution. `factors` scale x as `scale_channels` does with SiLU.
  virtual void convolve(const ConvolutionArgs& args) = 0;
};

}  // namespace sirocco
