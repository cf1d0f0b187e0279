#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/media/log_mel.hpp"
#include "sirocco/media/sound_file.hpp"

/// libvorbis leaks a few kilobytes of a stream that ends within its headers.
extern "C" const char* __lsan_default_suppressions() { return "leak:libvorbis.so"; }

/// Any bytes are a sound within the limits or throw an Error. The same bytes are read as how sound
/// is prepared, and what comes of that is tried on a short sound.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sirocco;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    constexpr int kRate = 8000;
    const SoundLimits limits{.max_bytes = 1 << 20, .max_seconds = 10, .max_channels = 8};
    const Sound sound = decode_sound(bytes, kRate, "input", limits);
    SIROCCO_CHECK(sound.rate == kRate && sound.seconds() < limits.max_seconds + 1);
    for (const float sample : sound.samples) SIROCCO_CHECK(std::isfinite(sample));
  } catch (const Error&) {
  }
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    JsonMetadata settings("input");
    settings.add("extractor", parse_json(text, "input"));
    settings.finish();
    const LogMel log_mel(read_log_mel_config(settings, "extractor"));
    const std::vector<float> sound(static_cast<std::size_t>(log_mel.config().frame), 0.5f);
    const LogMelFrames frames = log_mel.whole(sound);
    SIROCCO_CHECK(std::ssize(frames.values) == frames.frames * frames.bins);
  } catch (const Error&) {
  }
  return 0;
}
