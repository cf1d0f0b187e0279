#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sirocco/models/autoencoder.hpp"

namespace sirocco {

/// A DecodingPass is latents on their way to pixels, layer by layer: what is done at once is a
/// layer at least. The pixels are the same bits however it is cut.
class DecodingPass {
 public:
  /// `latents` is f32 [h · w, L], as a denoiser has them.
  DecodingPass(std::shared_ptr<const VaeDecoder> decoder, std::vector<float> latents,
               PictureExtent extent);

  bool ended() const { return ended_; }
  /// Products of two numbers that are left.
  double left() const { return left_; }
  /// The next layer, and what more costs no more than `budget` together with it. Throws
  /// ResourceExhausted, and NotANumber where pixels aren't finite.
  void advance(double budget, Backend& backend, StepMemory& memory);
  /// f32 [s·h · s·w, 3], once it has ended.
  std::vector<float> take_pixels() && { return std::move(pixels_); }

 private:
  std::shared_ptr<const VaeDecoder> decoder_;
  std::vector<float> latents_;
  PictureExtent extent_;
  std::optional<PictureStream> stream_;
  std::int32_t layer_ = 0;
  std::vector<float> pixels_;
  double left_ = 0;
  bool ended_ = false;
};

}  // namespace sirocco
