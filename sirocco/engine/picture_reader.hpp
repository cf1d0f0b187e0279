#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sirocco/media/picture_file.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "sirocco/models/picture_marks.hpp"
#include "sirocco/pipeline/multimodal_pipeline.hpp"

namespace sirocco {

/// A ReadPicture is a picture that is ready for a prompt. Copies share it.
struct ReadPicture {
  std::shared_ptr<const EncoderInput> input;
  PictureLayout layout;
};

/// A PictureReader makes what a model's encoder reads of files with pictures, as its family
/// prepares them. Thread-safe.
class PictureReader {
 public:
  /// Throws UnsupportedError where the model doesn't see, or it isn't known how the family's
  /// prompts show pictures; InvalidArgument for settings that can't be.
  PictureReader(std::shared_ptr<const MultimodalPipeline> pipeline, PictureSettings settings);

  const PictureProcessor& processor() const { return processor_; }
  const PictureMarks& marks() const { return marks_; }
  /// What the family's chat templates write where a picture is shown.
  std::string_view placeholder() const {
    return marks_.shown.empty() ? marks_.placeholder : marks_.shown;
  }

  /// The picture in `file`, over white where it is transparent, as transformers has it. Throws as
  /// decode_picture and PictureProcessor::prepare.
  ReadPicture read(std::span<const std::byte> file, const PictureLimits& limits = {}) const;
  ReadPicture prepared(const Picture& picture) const;

  /// What a prompt has in the place of the picture.
  std::vector<PromptMark> marks_of(const ReadPicture& picture) const;

 private:
  std::shared_ptr<const MultimodalPipeline> pipeline_;
  PictureProcessor processor_;
  const PictureMarks& marks_;
};

}  // namespace sirocco
