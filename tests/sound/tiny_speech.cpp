#include <unistd.h>

#include <cmath>
#include <fstream>

#include "sirocco/formats/safetensors_file_testing.hpp"
#include "tests/golden/counted_values_testing.hpp"
#include "tests/sound/tiny_speech_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {

namespace fs = std::filesystem;

nlohmann::json tiny_speech_record() {
  std::ifstream file(source_path("tests/golden/transcription/tiny.json"));
  return nlohmann::json::parse(file);
}

std::vector<float> made_sound(std::uint64_t seed, const std::string& name, std::size_t count) {
  std::vector<float> out(count);
  CountedValues(seed, name).fill(0.0f, 0.5f, out);
  for (std::size_t i = 0; i < count; ++i) {
    if (name == "steps") out[i] = std::ldexp(out[i], -static_cast<int>(i / 8000 % 8));
    if (name == "square") out[i] = (i / 16 % 2 == 0 ? 0.5f : -0.5f) + std::ldexp(out[i], -9);
  }
  return out;
}

TinySpeechFolder::TinySpeechFolder() {
  std::string name = (fs::temp_directory_path() / "sirocco-speech-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
  const nlohmann::json record = tiny_speech_record();
  for (const auto& [file, document] : record["folder"].items())
    std::ofstream(path_ / file) << document.dump();
  std::ofstream(path_ / "preprocessor_config.json")
      << R"({"feature_extractor_type": "WhisperFeatureExtractor", "chunk_length": 2})";
  SafetensorsTestFile weights;
  for (const auto& weight : record["weights"]) {
    std::size_t count = 1;
    for (const std::size_t extent : weight["shape"]) count *= extent;
    std::vector<float> values(count);
    CountedValues(record["seed"], weight["name"].get<std::string>())
        .fill(weight["center"], weight["spread"], values);
    weights.tensor(weight["name"].get<std::string>(), "F32", weight["shape"].dump(), values);
  }
  std::ofstream(path_ / "model.safetensors", std::ios::binary) << weights.bytes();
}

TinySpeechFolder::~TinySpeechFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

}  // namespace sirocco::testing
