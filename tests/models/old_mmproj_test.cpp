// Encoders in files of llama.cpp's old converter of LLaVA (tests/golden/README.md, mmproj/): their
// rows are those of the folder, which transformers gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/picture_inputs.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/formats/gguf_file_testing.hpp"
#include "sirocco/media/picture_settings.hpp"
#include "sirocco/models/picture_folders.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/models/golden_testing.hpp"
#include "tests/models/made_pictures_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kNear = 1e-5;

/// What our words call the tensor. The old ones call the first product of a layer's MLP "down".
std::string todays_name(std::string name) {
  constexpr std::string_view kUp = "ffn_up";
  constexpr std::string_view kDown = "ffn_down";
  if (const std::size_t at = name.find(kUp); at != std::string::npos)
    return name.replace(at, kUp.size(), kDown);
  if (const std::size_t at = name.find(kDown); at != std::string::npos)
    return name.replace(at, kDown.size(), kUp);
  return name == "model.image_newline" ? "v.image_newline" : name;
}

std::vector<float> values_of(const StoredTensor& tensor) {
  EXPECT_EQ(tensor.format->id, FormatId::kF32);
  std::vector<float> out(static_cast<std::size_t>(tensor.shape.elements()));
  tensor.read_rows(0, tensor.rows(), std::as_writable_bytes(std::span(out)).data());
  return out;
}

/// A file as the converter wrote it of a folder: its keys and tensors, with the folder's values.
class OldFile {
 public:
  explicit OldFile(const std::string& name) : recorded_(read_picture_model(name)) {
    const Checkpoint checkpoint = open_checkpoint(recorded_.folder);
    const auto found = canonical_encoder(checkpoint.metadata, checkpoint.weights, known_encoders());
    const std::filesystem::path path = source_path("tests/golden/mmproj/old/" + name + ".json");
    for (const JsonValue& record = parse_json(read_text(path), path.native());
         const JsonValue::Member& each : as<JsonValue::Object>(record)) {
      if (each.name == "tensors")
        for (const JsonValue::Member& tensor : as<JsonValue::Object>(each.value))
          add(tensor, *found->weights);
      else
        add(each);
    }
  }

  const PictureModel& recorded() const { return recorded_; }
  GgufTestFile& file() { return file_; }

  LoadedModel load(Machine& machine) const {
    const Scratch folder;
    const std::vector<std::byte> bytes = file_.bytes();
    folder.write("mmproj.gguf", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    LoadOptions options;
    options.placement.threads = 2;
    options.pipeline.kv_type = KvType::kF32;
    options.mmproj = folder.path() / "mmproj.gguf";
    return load_language_model(machine, recorded_.folder, std::move(options));
  }

 private:
  void add(const JsonValue::Member& key) {
    using namespace gguf_type;
    const JsonValue::Value& value = key.value.value;
    if (const auto* flag = std::get_if<bool>(&value))
      file_.scalar<std::uint8_t>(key.name, kBool, *flag ? 1 : 0);
    else if (const auto* whole = std::get_if<std::int64_t>(&value))
      file_.scalar(key.name, kU32, static_cast<std::uint32_t>(*whole));
    else if (const auto* number = std::get_if<double>(&value))
      file_.scalar(key.name, kF32, static_cast<float>(*number));
    else if (const auto* text = std::get_if<std::string>(&value))
      file_.text(key.name, *text);
    else if (const auto* list = std::get_if<JsonValue::Array>(&value))
      add(key.name, *list);
  }
  void add(std::string_view key, const JsonValue::Array& list) {
    using namespace gguf_type;
    if (std::holds_alternative<std::int64_t>(list.front().value)) {
      std::vector<std::int32_t> values;
      for (const JsonValue& each : list)
        values.push_back(static_cast<std::int32_t>(as<std::int64_t>(each)));
      file_.numbers(key, kI32, values);
    } else {
      std::vector<float> values;
      for (const JsonValue& each : list) values.push_back(static_cast<float>(as<double>(each)));
      file_.numbers(key, kF32, values);
    }
  }
  void add(const JsonValue::Member& tensor, const WeightSource& weights) {
    std::vector<std::uint64_t> dims;
    std::uint64_t elements = 1;
    for (const JsonValue& each : as<JsonValue::Array>(tensor.value)) {
      dims.push_back(static_cast<std::uint64_t>(as<std::int64_t>(each)));
      elements *= dims.back();
    }
    std::ranges::reverse(dims);
    const StoredTensor* const stored = weights.find(todays_name(tensor.name));
    // What the folder's encoder has no use for must not matter.
    file_.floats(tensor.name, dims,
                 stored != nullptr ? values_of(*stored) : std::vector<float>(elements, 1e9f));
  }

  PictureModel recorded_;
  GgufTestFile file_;
};

const AnyPictureEncoder& encoder_of(const LoadedModel& model) {
  return *model.multimodal_pipeline()->encoders().pictures();
}

/// Of all pictures of a prompt, as the model's encoder makes them of what `inputs` prepares.
std::vector<float> rows_of(const PicturePrompt& prompt, const PictureInputs& inputs,
                           const LoadedModel& model) {
  std::vector<float> out;
  for (const MadePicture& made : prompt.pictures) {
    RenderedPrompt text;
    text.text = std::string(model.pictures()->placeholder());
    text.trusted.push_back({0, text.text.size()});
    const std::array<ReadMedium, 1> read = {inputs.prepared(picture_of(made))};
    for (const PromptPart& part : model.media()->parts(text, read)) {
      const auto* const shown = std::get_if<EncodedRows>(&part);
      if (shown == nullptr) continue;
      const std::vector<float> all = model.multimodal_pipeline()->encode(shown->input);
      const auto width = static_cast<std::ptrdiff_t>(shown->input->width());
      for (const std::int32_t row : shown->rows) {
        const auto from =
            row == EncodedRows::kNewline ? all.end() - width : all.begin() + row * width;
        out.insert(out.end(), from, from + width);
      }
    }
  }
  return out;
}

class OldMmproj : public ::testing::TestWithParam<std::string> {};

TEST_P(OldMmproj, RowsAreThoseOfTransformers) {
  Machine machine;
  const OldFile old(GetParam());
  const LoadedModel ours = old.load(machine);
  // The folder's processor makes the pixels: it crops where LLaVA itself pads.
  const Checkpoint folder = open_checkpoint(old.recorded().folder);
  const PictureInputs inputs(encoder_of(ours), *find_picture_settings(*folder.files));
  int pictures = 0;
  for (const PicturePrompt& prompt : old.recorded().prompts) {
    SCOPED_TRACE(prompt.name);
    if (prompt.pictures.empty()) continue;
    pictures += static_cast<int>(prompt.pictures.size());
    EXPECT_LT(largest_difference(prompt.rows, rows_of(prompt, inputs, ours)), kNear);
  }
  EXPECT_GT(pictures, 0);
}

INSTANTIATE_TEST_SUITE_P(Files, OldMmproj, ::testing::Values("llava", "llava-next", "llava-siglip"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(OldMmproj, TilesAreCutAndJoinedAsForTheFolder) {
  // Of two sizes that fit these as well the first is taken: the wide or the tall one, for pairs in
  // a file are width and height, as LLaVA has them, and in a folder height and width.
  constexpr std::array<std::string_view, 2> kFitTwoSizes = {"tiny", "twice"};
  Machine machine;
  const OldFile old("llava-next");
  const LoadedModel ours = old.load(machine);
  int compared = 0;
  const PictureInputs& inputs = ours.pictures()->inputs();
  for (const PicturePrompt& prompt : old.recorded().prompts) {
    SCOPED_TRACE(prompt.name);
    if (prompt.pictures.empty() || std::ranges::count(kFitTwoSizes, prompt.name) != 0) continue;
    ++compared;
    EXPECT_LT(largest_difference(prompt.rows, rows_of(prompt, inputs, ours)), kNear);
  }
  EXPECT_GT(compared, 1);
}

std::string refusal(OldFile& old) {
  Machine machine;
  try {
    old.load(machine);
  } catch (const UnsupportedError& e) {
    return e.what();
  }
  return "loaded";
}

TEST(OldMmproj, OtherProjectorsAreRefusedByName) {
  OldFile mobile("llava");
  mobile.file().text("clip.projector_type", "ldp");
  EXPECT_THAT(refusal(mobile), AllOf(HasSubstr("ldp"), HasSubstr("known are")));
  OldFile yi("llava");
  yi.file().tensor("mm.3.weight", {40, 40}, FormatId::kF32, 0);
  EXPECT_THAT(refusal(yi), AllOf(HasSubstr("mm.3.weight"), HasSubstr("Yi-VL")));
  OldFile one_more("llava");
  one_more.file().tensor("v.blk.2.ln1.weight", {36}, FormatId::kF32, 0);
  EXPECT_THAT(refusal(one_more), HasSubstr("v.blk.2.ln1.weight"));
}

TEST(OldMmproj, TilesThatAreJoinedOtherwiseAreRefused) {
  OldFile flat("llava");
  flat.file()
      .numbers<std::int32_t>("clip.vision.image_grid_pinpoints", gguf_type::kI32, {56, 112})
      .text("clip.vision.mm_patch_merge_type", "flat");
  EXPECT_THAT(refusal(flat), AllOf(HasSubstr("mm_patch_merge_type"), HasSubstr("flat")));
}

}  // namespace
}  // namespace sirocco::testing
