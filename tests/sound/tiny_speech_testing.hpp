#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sirocco::testing {

/// What tests/golden/transcription says of the tiny model.
nlohmann::json tiny_speech_record();

/// The sounds that tools/make_sound_golden.py describes, `name` by `name`.
std::vector<float> made_sound(std::uint64_t seed, const std::string& name, std::size_t count);

/// A folder of the tiny model, which goes when this does.
class TinySpeechFolder {
 public:
  TinySpeechFolder();
  ~TinySpeechFolder();
  TinySpeechFolder(const TinySpeechFolder&) = delete;
  TinySpeechFolder& operator=(const TinySpeechFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sirocco::testing
