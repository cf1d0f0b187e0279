#include "sirocco/engine/sound_reader.hpp"

#include <algorithm>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/engine/sound_windows.hpp"

namespace sirocco {
namespace {

const SoundEncoderInfo& info_of(const MultimodalPipeline& pipeline) {
  const AnySoundEncoder* const encoder = pipeline.encoders().sounds();
  if (encoder == nullptr) throw UnsupportedError("the model doesn't hear");
  return encoder->info();
}

const LogMelConfig& checked(const LogMelConfig& settings, const SoundEncoderInfo& info) {
  if (settings.bins != info.bins || settings.window_frames() != info.window_frames()) {
    throw FormatError(
        "sound is prepared as windows of {} frames of {} bands, but the model takes {} of {}",
        settings.window_frames(), settings.bins, info.window_frames(), info.bins);
  }
  return settings;
}

}  // namespace

SoundReader::SoundReader(std::shared_ptr<const MultimodalPipeline> pipeline,
                         const LogMelConfig& settings)
    : pipeline_(std::move(pipeline)),
      log_mel_(checked(settings, info_of(*pipeline_))),
      marks_(sound_marks(info_of(*pipeline_).projector)) {}

double SoundReader::max_seconds() const {
  const std::int64_t of_window = encoder().rows({encoder().info().positions});
  return static_cast<double>(pipeline_->limits()->max_context) * settings().window_seconds /
         static_cast<double>(std::max<std::int64_t>(of_window, 1));
}

ReadSound SoundReader::read(std::span<const std::byte> file, std::string_view origin,
                            const SoundLimits& limits) const {
  SoundLimits own = limits;
  own.max_seconds = std::min(limits.max_seconds, max_seconds());
  return prepared(decode_sound(file, settings().rate, origin, own));
}

ReadSound SoundReader::prepared(const Sound& sound) const {
  if (sound.rate != settings().rate) {
    throw InvalidArgument("a sound has {} samples a second; the model takes {}", sound.rate,
                          settings().rate);
  }
  std::vector<EncoderWindow> windows = sound_windows(log_mel_, marks_.windows, sound.samples);
  // What is left of a sound in its last window may be too short for a row.
  std::erase_if(windows,
                [&](const EncoderWindow& window) { return encoder().rows(window.extent) < 1; });
  if (windows.empty()) {
    throw InvalidArgument("a sound of {:.3f} s is too short for the model to hear anything",
                          sound.seconds());
  }
  return {pipeline_->sound(std::move(windows))};
}

std::vector<PromptMark> SoundReader::marks_of(const ReadSound& sound) const {
  return marks_of_sound(marks_, sound.input->rows());
}

}  // namespace sirocco
