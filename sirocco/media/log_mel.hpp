#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sirocco/tensor/companion_files.hpp"
#include "sirocco/tensor/metadata.hpp"

/// The log-mel spectrogram that models of sound take (Radford et al. 2022, "Robust Speech
/// Recognition via Large-Scale Weak Supervision"): how loud each of a few bands of frequency is, a
/// frame every hundredth of a second.
namespace sirocco {

/// A LogMelConfig is what a `WhisperFeatureExtractor` of `transformers` is made from.
struct LogMelConfig {
  int rate = 16000;            ///< samples a second
  int bins = 80;               ///< bands of frequency
  int frame = 400;             ///< samples that a Fourier transform sees
  int hop = 160;               ///< samples from one frame to the next
  int window_seconds = 30;     ///< what a model hears at a time
  float padding_value = 0.0f;  ///< the sample that stands behind the end of a sound

  std::int64_t window_samples() const { return std::int64_t{window_seconds} * rate; }
  std::int64_t window_frames() const { return window_samples() / hop; }
};

/// The configuration that `settings` hold as members of `prefix` (""; or a path), under the names
/// of a preprocessor_config.json. Throws FormatError for values that can't be, UnsupportedError for
/// an extractor of another kind, and for dithering and padding in front.
LogMelConfig read_log_mel_config(const Metadata& settings, std::string_view prefix = "");

/// The configuration of a folder: of the member `feature_extractor` (or `audio_processor`) of its
/// processor_config.json, or else of its preprocessor_config.json. Throws NotFound where there is
/// neither, and as above.
LogMelConfig read_log_mel_config(const CompanionFiles& folder);

/// LogMelFrames are a spectrogram, the frames of a sound in the order of time.
struct LogMelFrames {
  std::int64_t frames = 0;
  int bins = 0;
  std::vector<float> values;  ///< [frames, bins]

  /// [bins]
  std::span<const float> frame(std::int64_t i) const {
    return std::span(values).subspan(static_cast<std::size_t>(i * bins),
                                     static_cast<std::size_t>(bins));
  }
};

/// A LogMel makes spectrograms: Hann windows over a sound that is mirrored at its ends, the squares
/// of their spectra in triangular bands of Slaney's mel scale up to 8 kHz, log10 of those, at most
/// 8 below the loudest, plus 4, divided by 4. Equal to what `transformers` 5.24 computes in single
/// precision within its rounding (1e-4 where a loud tone stands beside bands 80 dB below it, 1e-5
/// elsewhere); computed in double precision. Immutable, safe to share between threads.
class LogMel {
 public:
  /// Throws InvalidArgument for a configuration that can't be.
  explicit LogMel(const LogMelConfig& config);
  ~LogMel();
  LogMel(LogMel&&) noexcept;
  LogMel& operator=(LogMel&&) noexcept;

  const LogMelConfig& config() const { return config_; }

  /// The spectrogram of one window: `samples`, at `rate`, cut off or filled up to
  /// `window_samples()`. Has `window_frames()` frames.
  LogMelFrames window(std::span<const float> samples) const;

  /// The spectrogram of `samples` and of `padding` silent ones behind, as one sound: (samples +
  /// padding) / hop frames, rounded down. What is loudest is loudest in all of it. Throws
  /// InvalidArgument where both together are not more than half a frame.
  LogMelFrames whole(std::span<const float> samples, std::int64_t padding = 0) const;

 private:
  struct Tables;

  LogMelConfig config_;
  std::unique_ptr<const Tables> tables_;
};

}  // namespace sirocco
