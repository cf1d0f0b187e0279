#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sirocco/nn/attention.hpp"
#include "sirocco/nn/group_norm.hpp"
#include "sirocco/nn/linear.hpp"
#include "sirocco/nn/picture_stream.hpp"

namespace sirocco {

/// A PictureConvolution is a convolution by 3 x 3 pixels.
class PictureConvolution {
 public:
  static constexpr std::int64_t kPixels = 9;

  /// `kernel` is [N, 9 · C]: pixels row by row, the channels of each together. Throws
  /// InvalidArgument when its inputs aren't nine pixels.
  explicit PictureConvolution(Linear kernel, Resizing resizing = Resizing::kNone);

  std::int64_t inputs() const { return kernel_.inputs() / kPixels; }
  std::int64_t outputs() const { return kernel_.outputs(); }
  PictureShape after(const PictureShape& x) const {
    return {convolved(x.extent, resizing_), outputs()};
  }
  /// Of a picture with that shape, in products of two numbers.
  double products(const PictureShape& x) const;

  /// x, f32 [h · w, C], to `out`, f32 [h' · w', N], which isn't x. Where there are `factors`, f32
  /// [2, C], SiLU(x · factors[0] + factors[1]) stands for x; `added`, as `out` and perhaps the
  /// same, or empty, is added.
  void forward(const Tensor& x, PictureExtent extent, const Tensor& factors, const Tensor& added,
               const Out<Tensor>& out, TransformContext& context) const;

 private:
  Linear kernel_;
  Resizing resizing_;
};

// The layers of autoencoders. Each takes a picture further: `after` is the shape that it makes of
// one, `products` what that costs, `scratch_floats` what it takes of the context's scratch memory.

/// A ResidualPictureLayer is x + conv(SiLU(norm(conv(SiLU(norm(x)))))), where a product of each
/// pixel by itself stands for the first x if the number of channels changes. (He et al. 2016)
class ResidualPictureLayer {
 public:
  /// Throws InvalidArgument unless they fit one another.
  ResidualPictureLayer(GroupNorm first_norm, PictureConvolution first, GroupNorm second_norm,
                       PictureConvolution second, std::optional<Linear> shortcut);

  PictureShape after(const PictureShape& x) const { return second_.after(first_.after(x)); }
  double products(const PictureShape& x) const;
  std::int64_t scratch_floats(const PictureShape& x) const;
  void forward(PictureStream& stream, TransformContext& context) const;

 private:
  GroupNorm first_norm_;
  PictureConvolution first_;
  GroupNorm second_norm_;
  PictureConvolution second_;
  std::optional<Linear> shortcut_;
};

/// A PictureAttention is x + attention(norm(x)) over all pixels, which are the rows of the context.
class PictureAttention {
 public:
  PictureAttention(GroupNorm norm, BidirectionalAttention attention)
      : norm_(std::move(norm)), attention_(std::move(attention)) {}

  PictureShape after(const PictureShape& x) const { return x; }
  double products(const PictureShape& x) const;
  std::int64_t scratch_floats(const PictureShape& x) const;
  void forward(PictureStream& stream, TransformContext& context) const;

 private:
  GroupNorm norm_;
  BidirectionalAttention attention_;
};

/// A ResizingPictureLayer is a convolution of a picture that becomes twice or half as large.
class ResizingPictureLayer {
 public:
  explicit ResizingPictureLayer(PictureConvolution convolution)
      : convolution_(std::move(convolution)) {}

  PictureShape after(const PictureShape& x) const { return convolution_.after(x); }
  double products(const PictureShape& x) const { return convolution_.products(x); }
  std::int64_t scratch_floats(const PictureShape& /*x*/) const { return 0; }
  void forward(PictureStream& stream, TransformContext& context) const;

 private:
  PictureConvolution convolution_;
};

using PictureLayer = std::variant<ResidualPictureLayer, PictureAttention, ResizingPictureLayer>;

/// A PictureLayers is what makes a picture of another: a convolution, layers, and a norm with
/// SiLU and a convolution behind them.
class PictureLayers {
 public:
  PictureLayers(PictureConvolution first, std::vector<PictureLayer> layers, GroupNorm norm,
                PictureConvolution last)
      : first_(std::move(first)),
        layers_(std::move(layers)),
        norm_(std::move(norm)),
        last_(std::move(last)) {}

  std::int32_t layers() const { return static_cast<std::int32_t>(layers_.size()); }
  /// What a layer costs of a picture with that extent, in products of two numbers.
  double products(PictureExtent extent, LayerIndex layer) const;
  /// The places that a picture with that extent stands in.
  PicturePlaces places(PictureExtent extent) const;
  /// What its layers take of a context's scratch memory, at most.
  std::uint64_t scratch_bytes(PictureExtent extent) const;

  /// x, f32 [h · w, inputs], behind the first convolution. Throws ResourceExhausted.
  PictureStream embed(const Tensor& x, PictureExtent extent, TransformContext& context) const;
  /// The stream behind the layers [begin, end).
  PictureStream transform(PictureStream stream, LayerIndex begin, LayerIndex end,
                          TransformContext& context) const;
  /// It behind the norm and the last convolution, f32 [h' · w', outputs], as long as the step.
  Tensor project(PictureStream stream, TransformContext& context) const;

 private:
  /// f(layer, shape that it gets) for the layers [begin, end), of which the first gets `shape`.
  template <class F>
  void for_layers(PictureShape shape, LayerIndex begin, LayerIndex end, F f) const;
  std::int64_t scratch_floats(const PictureShape& first, LayerIndex begin, LayerIndex end) const;
  PictureShape first_shape(PictureExtent extent) const { return {extent, first_.outputs()}; }

  PictureConvolution first_;
  std::vector<PictureLayer> layers_;
  GroupNorm norm_;
  PictureConvolution last_;
};

}  // namespace sirocco
