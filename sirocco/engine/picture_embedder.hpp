#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sirocco/engine/opened_model.hpp"
#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "sirocco/models/encoder.hpp"
#include "sirocco/pipeline/stage.hpp"

namespace sirocco {

/// A PictureEmbedder makes vectors of pictures, in the space of the vectors that the same
/// checkpoint makes of texts (CLIP, SigLIP). One thread at a time; not while the backend runs steps
/// of another.
class PictureEmbedder {
 public:
  /// `place` is where it runs; both outlive it. Throws InvalidArgument unless the encoder makes one
  /// row of a picture.
  PictureEmbedder(AnyPictureEncoder encoder, PictureSettings settings, const StagePlace& place);

  /// The vector of the picture in `file`, f32 [D], as the encoder makes it. Throws as
  /// decode_picture and PictureProcessor::prepare, ResourceExhausted, NotANumber where it isn't
  /// made of finite numbers.
  std::vector<float> embed(std::span<const std::byte> file, const PictureLimits& limits = {});
  std::vector<float> embed(const Picture& picture);

 private:
  AnyPictureEncoder encoder_;
  PictureProcessor processor_;
  Backend& backend_;
  ByteLedger& ledger_;
  StepMemory memory_;
};

}  // namespace sirocco
