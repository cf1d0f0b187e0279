// Encoders of pictures: the words that describe them, the pieces that they run in, and engines in
// which they run beside answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/canonical_encoder.hpp"
#include "sirocco/checkpoint/folder_description.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"
#include "sirocco/engine/load.hpp"
#include "sirocco/engine/mmproj.hpp"
#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/media/mmproj_settings.hpp"
#include "sirocco/models/llama.hpp"
#include "sirocco/models/patch_positions.hpp"
#include "sirocco/models/picture_folders.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/models/golden_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

CanonicalCheckpoint encoder_of(const std::filesystem::path& folder) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  auto found = canonical_encoder(checkpoint.metadata, checkpoint.weights, known_encoders());
  EXPECT_TRUE(found.has_value());
  return std::move(*found);
}

/// The converter's keys.
JsonMetadata metadata_of(const JsonValue& record) {
  JsonMetadata out("converted");
  for (const JsonValue::Member& member : as<JsonValue::Object>(record))
    if (member.name.starts_with("clip.")) out.add(member.name, member.value);
  out.finish();
  return out;
}

class ConvertedEncoder : public ::testing::TestWithParam<std::string> {};

TEST_P(ConvertedEncoder, FoldersAreDescribedInTheConvertersWords) {
  const std::filesystem::path path = source_path("tests/golden/mmproj/" + GetParam() + ".json");
  const JsonValue record = parse_json(read_text(path), path.native());
  const JsonMetadata converted = metadata_of(record);
  const CanonicalCheckpoint ours = encoder_of(read_picture_model(GetParam()).folder);

  std::map<std::string, Shape> theirs;
  for (const JsonValue::Member& tensor : as<JsonValue::Object>(member(record, "tensors")))
    theirs.emplace(tensor.name, whole_numbers(as<JsonValue::Array>(tensor.value)));
  std::map<std::string, Shape> found;
  for (const StoredTensor& tensor : ours.weights->tensors()) {
    Shape shape;
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) shape.push_back(tensor.shape[axis]);
    found.emplace(tensor.name, shape);
  }
  // Converted, the product with two frames is two tensors, a row of the language model's table is
  // there too, and what the deep stack gets is called by layers.
  theirs.erase("v.token_embd.img_break");
  if (theirs.erase("v.patch_embd.weight.1") > 0) {
    const Shape of_a_frame = theirs.at("v.patch_embd.weight");
    EXPECT_EQ(found.at("v.patch_embd.weight"),
              (Shape{of_a_frame[0], of_a_frame[1], 2, of_a_frame[2] * of_a_frame[3]}));
    found.at("v.patch_embd.weight") = of_a_frame;
  }
  if (const auto* const layers =
          ours.metadata->get_array<std::vector<std::int64_t>>("clip.vision.deepstack_layers")) {
    std::map<std::string, Shape> renamed;
    for (auto& [name, shape] : found) {
      constexpr std::string_view kBegin = "v.deepstack.";
      std::string called = name;
      if (name.starts_with(kBegin)) {
        const std::size_t end = name.find('.', kBegin.size());
        const auto index = std::stoul(name.substr(kBegin.size(), end - kBegin.size()));
        called = std::string(kBegin) + std::to_string(layers->at(index)) + name.substr(end);
      }
      renamed.emplace(called, shape);
    }
    found = std::move(renamed);
  }
  EXPECT_EQ(found, theirs);

  int compared = 0;
  for (const std::string_view key : ours.metadata->paths()) {
    if (!key.starts_with("clip.")) continue;
    const MetadataValue* const said = converted.find(key);
    if (said == nullptr) continue;
    ++compared;
    // The converter writes the language model's width for this family.
    if (GetParam() == "qwen2-vl" && key == "clip.vision.feed_forward_length") {
      EXPECT_EQ(*said, *converted.find("clip.vision.projection_dim"));
      continue;
    }
    if (std::holds_alternative<double>(*said))
      EXPECT_FLOAT_EQ(static_cast<float>(*ours.metadata->get<double>(key)),
                      static_cast<float>(*converted.get<double>(key)))
          << key;
    else
      EXPECT_EQ(*ours.metadata->find(key), *said) << key;
  }
  EXPECT_GE(compared, 8);
}

TEST_P(ConvertedEncoder, PicturesArePreparedAsForTheFolder) {
  const std::filesystem::path path = source_path("tests/golden/mmproj/" + GetParam() + ".json");
  const JsonValue record = parse_json(read_text(path), path.native());
  const JsonMetadata converted = metadata_of(record);
  const PictureSettings in_file = mmproj_picture_settings(converted);
  const Checkpoint checkpoint = open_checkpoint(read_picture_model(GetParam()).folder);
  PictureSettings in_folder = *find_picture_settings(*checkpoint.files);
  // The file doesn't say how many pixels there may be.
  if (in_file.scheme == PictureScheme::kPixelBudget) in_folder.size = in_file.size;
  const PictureProcessor theirs(in_file);
  const PictureProcessor ours(in_folder);
  Picture picture({90, 50});
  for (int y = 0; y < picture.height(); ++y)
    for (std::size_t i = 0; i < picture.row(y).size(); ++i)
      picture.row(y)[i] = static_cast<std::uint8_t>(i * 7 + static_cast<std::size_t>(y) * 13);
  const PreparedPicture by_file = theirs.prepare(picture);
  const PreparedPicture by_folder = ours.prepare(picture);
  ASSERT_EQ(by_file.tiles.size(), by_folder.tiles.size());
  for (std::size_t tile = 0; tile < by_file.tiles.size(); ++tile) {
    EXPECT_EQ(by_file.tiles[tile].size, by_folder.tiles[tile].size);
    ASSERT_EQ(by_file.tiles[tile].planes.size(), by_folder.tiles[tile].planes.size());
    for (std::size_t i = 0; i < by_file.tiles[tile].planes.size(); ++i)
      ASSERT_NEAR(by_file.tiles[tile].planes[i], by_folder.tiles[tile].planes[i], 1e-6);
  }
  EXPECT_EQ(by_file.layout.rows, by_folder.layout.rows);
  EXPECT_EQ(by_file.layout.columns, by_folder.layout.columns);
}

INSTANTIATE_TEST_SUITE_P(Encoders, ConvertedEncoder,
                         ::testing::Values("idefics3", "smolvlm", "gemma3", "qwen2-vl",
                                           "qwen2.5-vl", "qwen3-vl", "pixtral", "mistral3"));

TEST(Encoders, TextPartsLeaveOutTheSizesOfTheirClass) {
  FakeFolder folder;
  folder.values = {{"config.model_type", std::string_view("llava")},
                   {"config.text_config.model_type", std::string_view("llama")},
                   {"config.text_config.vocab_size", std::int64_t{32064}}};
  const FolderDescription llama = describe_folder(folder, kLlamaFolder);
  EXPECT_EQ(llama.integer("block_count"), 32);
  EXPECT_EQ(llama.integer("embedding_length"), 4096);
  EXPECT_EQ(llama.integer("attention.head_count"), 32);
  EXPECT_EQ(llama.integer("feed_forward_length"), 11008);
  folder.values["config.text_config.hidden_size"] = std::int64_t{5120};
  EXPECT_EQ(describe_folder(folder, kLlamaFolder).integer("embedding_length"), 5120);
  EXPECT_EQ(describe_folder(folder, kMistralFolder).integer("feed_forward_length"), 14336);
  // A folder of its own says them.
  FakeFolder alone;
  alone.values = {{"config.model_type", std::string_view("llama")}};
  EXPECT_THROW(describe_folder(alone, kLlamaFolder), FormatError);
}

TEST(Encoders, PlacesOfPatchesAreCountedInFloat32) {
  int models = 0;
  for (const std::string& name : picture_models()) {
    const PictureModel model = read_picture_model(name);
    if (model.tile_positions.empty()) continue;
    ++models;
    const auto side = static_cast<std::int32_t>(
        std::lround(std::sqrt(static_cast<double>(model.tile_positions.size()))));
    const std::vector<std::int32_t> places = fraction_places(side, side);
    std::vector<std::size_t> all;
    for (const std::int32_t row : places)
      for (const std::int32_t column : places)
        all.push_back(static_cast<std::size_t>(row * side + column));
    EXPECT_EQ(all, model.tile_positions) << name;
  }
  EXPECT_GE(models, 3);
  // For most sizes each patch has its own.
  for (const std::int32_t side : {16, 26, 27, 32, 64}) {
    const std::vector<std::int32_t> places = fraction_places(side, side);
    for (std::int32_t i = 0; i < side; ++i) EXPECT_EQ(places[static_cast<std::size_t>(i)], i);
  }
}

TEST(Encoders, AFileBesideTheModelIsFoundByItsName) {
  namespace fs = std::filesystem;
  const Scratch folder;
  const auto put = [&](const char* name) { folder.write(name, "x"); };
  const auto found = [&](const char* model) {
    const std::optional<fs::path> path = find_mmproj(folder.path() / model);
    return path ? path->filename().string() : std::string();
  };
  put("first-4b-q4_0.gguf");
  put("other-2b-q8_0.gguf");
  EXPECT_EQ(found("first-4b-q4_0.gguf"), "");
  put("mmproj-model-f16.gguf");
  EXPECT_EQ(found("first-4b-q4_0.gguf"), "mmproj-model-f16.gguf");
  put("mmproj-first-4b-f16.gguf");
  put("other-2b-mmproj-f16.gguf");
  EXPECT_EQ(found("first-4b-q4_0.gguf"), "mmproj-first-4b-f16.gguf");
  EXPECT_EQ(found("other-2b-q8_0.gguf"), "other-2b-mmproj-f16.gguf");
  EXPECT_EQ(found("mmproj-first-4b-f16.gguf"), "");
  EXPECT_EQ(found("none.gguf"), "");
  EXPECT_FALSE(find_mmproj(folder.path()).has_value());
}

TEST(Encoders, WithoutSettingsOfPicturesTheTextIsLeft) {
  const Scratch folder;
  for (const auto& file : std::filesystem::directory_iterator(read_picture_model("smolvlm").folder))
    if (file.path().filename() != "processor_config.json")
      std::filesystem::copy(file.path(), folder.path() / file.path().filename());
  Machine machine;
  LoadOptions options;
  options.placement.threads = 1;
  const LoadedModel model = load_language_model(machine, folder.path(), std::move(options));
  EXPECT_EQ(model.multimodal_pipeline(), nullptr);
  EXPECT_EQ(model.pictures(), nullptr);
  EXPECT_NO_THROW(static_cast<void>(model.chat_format()));
}

class Seeing : public ::testing::TestWithParam<std::string> {
 protected:
  Seeing() : recorded_(read_picture_model(GetParam())) {
    LoadOptions options;
    options.placement.threads = 2;
    options.pipeline.kv_type = KvType::kF32;
    model_.emplace(load_language_model(machine_, recorded_.folder, std::move(options)));
  }

  ReadPicture picture(int width, int height, int seed) const {
    Picture made({width, height});
    for (int y = 0; y < height; ++y)
      for (std::size_t i = 0; i < made.row(y).size(); ++i)
        made.row(y)[i] =
            static_cast<std::uint8_t>((i * 5 + static_cast<std::size_t>(y * seed)) % 251);
    return model_->pictures()->prepared(made);
  }

  /// A picture and a few words.
  std::vector<PromptPart> prompt(const ReadPicture& shown, const std::string& words) const {
    RenderedPrompt text;
    text.text = std::string(model_->pictures()->placeholder());
    text.trusted.push_back({0, text.text.size()});
    text.text += words;
    return model_->media()->parts(text, std::array<ReadMedium, 1>{shown});
  }

  static TextRequest request(TextPrompt prompt) {
    TextRequest out;
    out.prompt = std::move(prompt);
    out.sampling.temperature = 0;
    out.max_tokens = 12;
    out.ignore_end = true;
    return out;
  }

  const PictureModel recorded_;
  Machine machine_;
  std::optional<LoadedModel> model_;
};

TEST_P(Seeing, AnswersBesideOneAnotherAreThoseAlone) {
  const std::array shown = {picture(60, 60, 3), picture(130, 40, 11)};
  std::vector<TextPrompt> prompts = {
      prompt(shown[0], "one"), prompt(shown[1], "two"), prompt(shown[0], "three"),
      tokenize_prompt(model_->tokenizer(), std::array{TextSegment{"no picture", false}})};
  std::vector<std::vector<TokenId>> alone;
  for (const TextPrompt& p : prompts) {
    Engine engine(machine_);
    LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
    alone.push_back(session.complete(request(p)).tokens);
    EXPECT_EQ(alone.back().size(), 12U);
    model_->pipeline().cache().clear();
  }
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  std::vector<TextStream> streams;
  for (const TextPrompt& p : prompts) streams.push_back(session.submit(request(p)));
  engine.run();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    while (streams[i].try_next_piece()) {
    }
    ASSERT_TRUE(streams[i].ended());
    EXPECT_EQ(streams[i].completion().tokens, alone[i]) << i;
  }
}

TEST_P(Seeing, AnEndInTheMiddleOfAPictureLeavesNothingBehind) {
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  const CacheStatus before = model_->multimodal_pipeline()->cache_status();
  const ReadPicture shown = picture(90, 90, 17);
  {
    TextStream first = session.submit(request(prompt(shown, "first")));
    TextStream second = session.submit(request(prompt(shown, "second")));
    engine.step();
    first.cancel();
    engine.run();
    while (second.try_next_piece()) {
    }
    EXPECT_EQ(second.completion().reason, FinishReason::kLength);
    EXPECT_EQ(second.completion().tokens.size(), 12U);
    while (first.try_next_piece()) {
    }
    EXPECT_EQ(first.completion().reason, FinishReason::kCancelled);
  }
  EXPECT_EQ(model_->multimodal_pipeline()->cache_status().held, before.held);
}

TEST_P(Seeing, APictureIsKeptByItsContents) {
  MultimodalPipeline& pipeline = *model_->multimodal_pipeline();
  const ReadPicture shown = picture(60, 60, 5);
  const std::vector<float> once = pipeline.encode(shown.input);
  const std::uint64_t bytes = pipeline.encoded().bytes();
  EXPECT_EQ(bytes, once.size() * sizeof(float));
  EXPECT_EQ(pipeline.encode(picture(60, 60, 5).input), once);
  EXPECT_EQ(pipeline.encoded().bytes(), bytes);
  EXPECT_NE(pipeline.encode(picture(60, 60, 6).input), once);
  EXPECT_EQ(pipeline.encoded().bytes(), 2 * bytes);
}

TEST_P(Seeing, RowsThatAPictureHasNotAreRefused) {
  Engine engine(machine_);
  LanguageSession session(engine, model_->add_to(engine), model_->tokenizer());
  const ReadPicture shown = picture(60, 60, 5);
  const auto refused = [&](std::vector<std::int32_t> rows) {
    std::vector<PromptPart> parts;
    parts.emplace_back(EncodedRows{shown.input, std::move(rows), false});
    EXPECT_THROW(static_cast<void>(session.submit(request(std::move(parts)))), InvalidArgument);
  };
  refused({});
  refused({static_cast<std::int32_t>(shown.input->rows())});
  refused({-2});
  if (!shown.input->has_newline()) refused({EncodedRows::kNewline});
}

INSTANTIATE_TEST_SUITE_P(Models, Seeing,
                         ::testing::Values("idefics3", "gemma3", "llava", "llava-siglip",
                                           "llava-next"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sirocco::testing
