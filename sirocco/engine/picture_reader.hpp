#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sirocco/engine/picture_inputs.hpp"
#include "sirocco/models/picture_marks.hpp"
#include "sirocco/pipeline/multimodal_pipeline.hpp"

namespace sirocco {

/// A PictureReader makes what a model's encoder reads of files with pictures, as its family
/// prepares them. Thread-safe.
class PictureReader {
 public:
  /// Throws UnsupportedError where the model doesn't see, or it isn't known how the family's
  /// prompts show pictures; InvalidArgument for settings that can't be.
  PictureReader(const MultimodalPipeline& pipeline, PictureSettings settings);

  const PictureInputs& inputs() const { return inputs_; }
  const PictureProcessor& processor() const { return inputs_.processor(); }
  const PictureMarks& marks() const { return marks_; }
  /// What the family's chat templates write where a picture is shown.
  std::string_view placeholder() const {
    return marks_.shown.empty() ? marks_.placeholder : marks_.shown;
  }

  /// As PictureInputs::read.
  ReadPicture read(std::span<const std::byte> file, const PictureLimits& limits = {}) const {
    return inputs_.read(file, limits);
  }
  ReadPicture prepared(const Picture& picture) const { return inputs_.prepared(picture); }

  /// What a prompt has in the place of the picture.
  std::vector<PromptMark> marks_of(const ReadPicture& picture) const;

 private:
  PictureInputs inputs_;
  const PictureMarks& marks_;
};

}  // namespace sirocco
