#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/media/log_mel.hpp"

/// Any preprocessor_config.json gives settings that a spectrogram can be made by, or throws an
/// Error; small ones make the spectrogram of a few samples, which has finite numbers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  const MemoryFiles files(
      {{"preprocessor_config.json", std::string(reinterpret_cast<const char*>(data), size)}});
  try {
    const LogMelConfig config = read_log_mel_config(files);
    SIROCCO_CHECK(config.window_frames() >= 0 && config.hop >= 1);
    if (std::int64_t{config.bins} * config.frame > 100000) return 0;
    const std::vector<float> samples(static_cast<std::size_t>(2 * config.frame), 0.25f);
    const LogMelFrames frames = LogMel(config).whole(samples);
    SIROCCO_CHECK(std::ssize(frames.values) == frames.frames * frames.bins);
    for (const float value : frames.values) SIROCCO_CHECK(value - value == 0.0f);
  } catch (const Error&) {
  }
  return 0;
}
