#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/media/log_mel.hpp"
#include "sirocco/media/sound_file.hpp"
#include "sirocco/models/prompt_mark.hpp"
#include "sirocco/models/sound_marks.hpp"
#include "sirocco/pipeline/multimodal_pipeline.hpp"

namespace sirocco {

/// A ReadSound is a sound that is ready for a prompt. Copies share it.
struct ReadSound {
  std::shared_ptr<const EncoderInput> input;
};

/// A SoundReader makes what a model's encoder reads of files of sound, as its family prepares them.
/// Thread-safe.
class SoundReader {
 public:
  /// Throws UnsupportedError where the model doesn't hear, or it isn't known how the family's
  /// prompts let sound be heard; FormatError for frames or windows that aren't the encoder's.
  SoundReader(std::shared_ptr<const MultimodalPipeline> pipeline, const LogMelConfig& settings);

  const LogMelConfig& settings() const { return log_mel_.config(); }
  const SoundMarks& marks() const { return marks_; }
  /// How long a sound can be whose rows the context of the model has room for, in seconds.
  double max_seconds() const;

  /// The sound in `file`; `origin` names it in messages. Throws as decode_sound, ResourceExhausted
  /// for one that is longer than max_seconds, InvalidArgument for one that makes no row.
  ReadSound read(std::span<const std::byte> file, std::string_view origin,
                 const SoundLimits& limits = {}) const;
  /// The same of samples. Throws InvalidArgument unless they have the model's rate.
  ReadSound prepared(const Sound& sound) const;

  /// What a prompt has in the place of the sound.
  std::vector<PromptMark> marks_of(const ReadSound& sound) const;

 private:
  const AnySoundEncoder& encoder() const { return *pipeline_->encoders().sounds(); }

  std::shared_ptr<const MultimodalPipeline> pipeline_;
  LogMel log_mel_;
  const SoundMarks& marks_;
};

}  // namespace sirocco
