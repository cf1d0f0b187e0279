
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sirocco/media/log_mel.hpp"
#include "sirocco/media/sound_file.hpp"
#include "sirocco/platform/mapped_file.hpp"
#include "tests/models/npy_testing.hpp"
#include "tests/sound/tiny_speech_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using testing::made_sound;
using testing::read_npy_floats;

const std::filesystem::path kRecorded = source_path("tests/golden/sound");

nlohmann::json record() {
  std::ifstream file(kRecorded / "sound.json");
  return nlohmann::json::parse(file);
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double out = 0.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    out = std::max(out, std::abs(static_cast<double>(a[i]) - b[i]));
  return out;
}

TEST(SoundGolden, FilesGiveTheSamplesOfTransformers) {
  const auto recorded = record();
  const int rate = recorded["rate"];
  for (const auto& recorded_file : recorded["files"]) {
    const std::string name = recorded_file["file"];
    SCOPED_TRACE(name);
    const MappedFile file(kRecorded / name);
    const Sound sound = decode_sound(file.bytes(), rate, name);
    const auto expected = read_npy_floats(kRecorded / (name + ".npy")).values;
    EXPECT_EQ(sound.rate, rate);
    ASSERT_EQ(sound.samples.size(), expected.size());
    if (recorded_file["exact"]) {
      // soxr's code for other processors may round otherwise.
      EXPECT_LT(largest_difference(sound.samples, expected), 1e-6);
#ifdef __x86_64__
      EXPECT_EQ(std::memcmp(sound.samples.data(), expected.data(), expected.size() * sizeof(float)),
                0);
#endif
    } else {
      // Decoders of lossy formats differ between versions of their libraries.
      EXPECT_LT(largest_difference(sound.samples, expected), 2e-4);
    }
  }
}

TEST(SoundGolden, SpectrogramsAreThoseOfTransformers) {
  const auto recorded = record();
  for (const auto& spectrogram : recorded["spectrograms"]) {
    const std::string file = spectrogram["file"];
    SCOPED_TRACE(file);
    LogMelConfig config;
    config.bins = spectrogram["bins"];
    const LogMel log_mel(config);
    const std::vector<float> sound =
        made_sound(recorded["seed"], spectrogram["signal"], spectrogram["samples"]);
    const LogMelFrames frames = spectrogram["padding"].is_null()
                                    ? log_mel.window(sound)
                                    : log_mel.whole(sound, spectrogram["padding"]);
    EXPECT_EQ(frames.bins, config.bins);
    ASSERT_EQ(frames.frames, spectrogram["frames"].get<std::int64_t>());
    const auto expected = read_npy_floats(kRecorded / file).values;
    std::vector<float> found;
    for (std::int64_t i = 0; i < frames.frames; i += spectrogram["every"].get<std::int64_t>())
      found.insert(found.end(), frames.frame(i).begin(), frames.frame(i).end());
    EXPECT_LT(largest_difference(found, expected), 1e-4);
    RecordProperty(file, fmt::format("{:.2g}", largest_difference(found, expected)));
  }
}

}  // namespace
}  // namespace sirocco
