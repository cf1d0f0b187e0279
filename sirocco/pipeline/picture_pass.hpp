#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/models/autoencoder.hpp"

namespace sirocco {

/// PixelsOfLatents is the half of an autoencoder that makes f32 [s·h · s·w, 3] of latents, f32
/// [h · w, L], as a denoiser has them.
struct PixelsOfLatents {
  std::shared_ptr<const VaeDecoder> half;

  Shape input(PictureExtent latents) const { return {latents.pixels(), half->latent_channels()}; }
  Hidden finish(PictureStream stream, TransformContext& context) const;
};

/// LatentsOfPixels is the half that makes latents of f32 [s·h · s·w, 3]. They are drawn with
/// `noise`, f32 [h · w, L].
struct LatentsOfPixels {
  std::shared_ptr<const VaeEncoder> half;
  std::vector<float> noise;

  Shape input(PictureExtent latents) const;
  Hidden finish(PictureStream stream, TransformContext& context) const;
};

/// A PicturePass is a picture on its way through half an autoencoder, layer by layer: what is done
/// at once is a layer at least. What comes out is the same bits however it is cut.
template <class Half>
class PicturePass {
 public:
  /// `latents` is the extent of these, whichever side they stand on.
  PicturePass(Half half, std::vector<float> input, PictureExtent latents);

  bool ended() const { return ended_; }
  /// Products of two numbers that are left.
  double left() const { return left_; }
  /// The next layer, and what more costs no more than `budget` together with it. Throws
  /// ResourceExhausted, and NotANumber where what comes out isn't finite.
  void advance(double budget, Backend& backend, StepMemory& memory);
  /// What has come out, once it has ended.
  std::vector<float> take_output() { return std::exchange(output_, {}); }

 private:
  double layer_cost(std::int32_t layer) const;

  Half half_;
  std::vector<float> input_;
  PictureExtent latents_;
  std::optional<PictureStream> stream_;
  std::int32_t layer_ = 0;
  std::vector<float> output_;
  double left_ = 0;
  bool ended_ = false;
};

using DecodingPass = PicturePass<PixelsOfLatents>;
using EncodingPass = PicturePass<LatentsOfPixels>;

extern template class PicturePass<PixelsOfLatents>;
extern template class PicturePass<LatentsOfPixels>;

}  // namespace sirocco
