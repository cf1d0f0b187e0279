#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "sirocco/models/encoder.hpp"
#include "sirocco/pipeline/encoder_input.hpp"

namespace sirocco {

/// A ReadPicture is a picture that is ready for its encoder. Copies share it.
struct ReadPicture {
  std::shared_ptr<const EncoderInput> input;
  PictureLayout layout;
};

/// A PictureInputs makes what an encoder reads of files with pictures, as its family prepares them.
/// Thread-safe.
class PictureInputs {
 public:
  /// Throws InvalidArgument for settings that can't be.
  PictureInputs(AnyPictureEncoder encoder, PictureSettings settings)
      : encoder_(std::move(encoder)), processor_(std::move(settings)) {}

  const AnyPictureEncoder& encoder() const { return encoder_; }
  const PictureProcessor& processor() const { return processor_; }

  /// The picture in `file`, over white where it is transparent, as transformers has it. Throws as
  /// decode_picture and PictureProcessor::prepare.
  ReadPicture read(std::span<const std::byte> file, const PictureLimits& limits = {}) const;
  ReadPicture prepared(const Picture& picture) const;

 private:
  AnyPictureEncoder encoder_;
  PictureProcessor processor_;
};

}  // namespace sirocco
