// Encoders of sound in the files that llama.cpp's converter makes: they are described as folders
// are, and make the same rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"
#include "sirocco/models/sound_folders.hpp"
#include "tests/golden/golden_sounds_testing.hpp"
#include "tests/models/golden_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

/// What llama.cpp's converter made of a model's encoder, without the weights.
class ConvertedSoundEncoder : public ::testing::TestWithParam<std::string> {
 protected:
  ConvertedSoundEncoder()
      : path_(source_path("tests/golden/mmproj/" + GetParam() + ".json")),
        record_(parse_json(read_text(path_), path_)),
        folder_(read_sound_model(GetParam()).folder) {
    const Checkpoint checkpoint = open_checkpoint(folder_);
    auto found = canonical_encoder(checkpoint.metadata, checkpoint.weights, known_sound_encoders());
    if (!found) throw std::runtime_error("no encoder of sound");
    ours_ = std::move(*found);
  }

  /// The file that the converter would have written in F32.
  std::vector<std::byte> file() const {
    GgufTestFile out;
    for (const JsonValue::Member& key : as<JsonValue::Object>(record_)) {
      if (!key.name.starts_with("clip.") && key.name != "general.architecture") continue;
      if (const auto* text = key.value.as<std::string>())
        out.text(key.name, *text);
      else if (const auto* flag = key.value.as<bool>())
        out.scalar(key.name, gguf_type::kBool, std::uint8_t{*flag});
      else if (const auto* whole = key.value.as<std::int64_t>())
        out.scalar(key.name, gguf_type::kU32, static_cast<std::uint32_t>(*whole));
      else
        out.scalar(key.name, gguf_type::kF32, static_cast<float>(number(key.value)));
    }
    for (const auto& [name, dims] : theirs()) {
      const StoredTensor& stored = *ours_->weights->find(name);
      std::vector<float> values(static_cast<std::size_t>(stored.shape.elements()));
      stored.read_rows(0, stored.shape.elements() / stored.columns(),
                       std::as_writable_bytes(std::span(values)).data());
      out.floats(name, {dims.rbegin(), dims.rend()}, values);
    }
    return out.bytes();
  }

  std::map<std::string, Shape> theirs() const {
    std::map<std::string, Shape> out;
    for (const JsonValue::Member& tensor : as<JsonValue::Object>(member(record_, "tensors")))
      out.emplace(tensor.name, whole_numbers(as<JsonValue::Array>(tensor.value)));
    return out;
  }

  std::string path_;
  JsonValue record_;
  std::filesystem::path folder_;
  std::optional<CanonicalCheckpoint> ours_;
};

TEST_P(ConvertedSoundEncoder, FoldersAreDescribedInTheConvertersWords) {
  std::map<std::string, Shape> found;
  for (const StoredTensor& tensor : ours_->weights->tensors()) {
    Shape shape;
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) shape.push_back(tensor.shape[axis]);
    // Converted, they are columns.
    if (tensor.name.starts_with("a.conv1d.") && tensor.name.ends_with(".bias")) shape.push_back(1);
    found.emplace(tensor.name, shape);
  }
  EXPECT_EQ(found, theirs());
  int compared = 0;
  for (const std::string_view key : ours_->metadata->paths()) {
    const JsonValue* const said = record_.member(key);
    if (said == nullptr || !key.starts_with("clip.")) continue;
    ++compared;
    if (const auto* text = said->as<std::string>())
      EXPECT_EQ(*ours_->metadata->get<std::string_view>(key), *text) << key;
    else
      EXPECT_FLOAT_EQ(static_cast<float>(*ours_->metadata->get<double>(key)),
                      static_cast<float>(number(*said)))
          << key;
  }
  EXPECT_GE(compared, 7);
}

TEST_P(ConvertedSoundEncoder, FilesMakeTheRowsOfTheFolder) {
  const Scratch scratch;
  const std::vector<std::byte> bytes = file();
  scratch.write("mmproj.gguf",
                std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  Machine machine;
  const auto rows = [&](std::optional<std::filesystem::path> mmproj) {
    LoadOptions options;
    options.placement.threads = 1;
    options.mmproj = std::move(mmproj);
    const LoadedModel model = load_language_model(machine, folder_, std::move(options));
    const SoundPrompt prompt = read_sound_model(GetParam()).prompts.front();
    const ReadSound heard = model.sounds()->prepared({16000, prompt.sounds.front().samples});
    return model.multimodal_pipeline()->encode(heard.input);
  };
  const std::vector<float> by_folder = rows(std::nullopt);
  const std::vector<float> by_file = rows(scratch.path() / "mmproj.gguf");
  ASSERT_EQ(by_file.size(), by_folder.size());
  EXPECT_EQ(std::memcmp(by_file.data(), by_folder.data(), by_file.size() * sizeof(float)), 0);
}

INSTANTIATE_TEST_SUITE_P(Models, ConvertedSoundEncoder,
                         ::testing::Values("qwen2-audio", "voxtral", "ultravox"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sirocco::testing
