#include "sirocco/media/picture_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"
#include "sirocco/media/picture_classes.hpp"
#include "sirocco/media/picture_processor.hpp"
#include "tests/support/page_testing.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PictureSettings read(const std::string& config) {
  return find_picture_settings(MemoryFiles(MemoryFiles::Map{{"preprocessor_config.json", config}}))
      .value();
}

template <class Expected>
void expect_refused(const std::string& config, const std::string& words) {
  try {
    const PictureProcessor made(read(config));
    ADD_FAILURE() << "nothing was thrown; expected: " << words;
  } catch (const Expected& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(PictureSettings, ThePageListsTheClasses) {
  expect_on_page("docs/pictures.md", "image processors", processor_class_names() + "\n");
}

TEST(PictureSettings, AFolderWithoutAnyHasNone) {
  EXPECT_EQ(find_picture_settings(MemoryFiles(MemoryFiles::Map())), std::nullopt);
  EXPECT_EQ(find_picture_settings(MemoryFiles(
                MemoryFiles::Map{{"processor_config.json", R"({"image_seq_len": 64})"}})),
            std::nullopt);
}

TEST(PictureSettings, ThoseOfSoundAreNone) {
  const auto find = [](const std::string& config) {
    return find_picture_settings(
        MemoryFiles(MemoryFiles::Map{{"preprocessor_config.json", config}}));
  };
  EXPECT_EQ(find(R"({"feature_extractor_type": "WhisperFeatureExtractor"})"), std::nullopt);
  EXPECT_TRUE(find(R"({"feature_extractor_type": "Gemma3nAudioFeatureExtractor",
                       "image_processor_type": "SiglipImageProcessorFast"})"));
  EXPECT_TRUE(find(R"({"feature_extractor_type": "CLIPFeatureExtractor"})"));
}

TEST(PictureSettings, TheProcessorsFileGoesFirst) {
  const auto settings = find_picture_settings(MemoryFiles(
      {{"processor_config.json",
        R"({"image_processor": {"image_processor_type": "SmolVLMImageProcessor",
            "size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}}})"},
       {"preprocessor_config.json", R"({"image_processor_type": "CLIPImageProcessor"})"}}));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->scheme, PictureScheme::kTiles);
  EXPECT_EQ(settings->size, (SizeRule{.longest_edge = 2048}));
  EXPECT_EQ(settings->tile_side, 512);
  EXPECT_EQ(settings->resample, Resampling::kLanczos);
}

TEST(PictureSettings, PatchesOfRowsAreTheProcessors) {
  const auto settings = find_picture_settings(MemoryFiles(
      {{"processor_config.json", R"({"patch_size": 14, "spatial_merge_size": 2})"},
       {"preprocessor_config.json",
        R"({"image_processor_type": "PixtralImageProcessorFast", "size": {"longest_edge": 1540},
            "patch_size": {"height": 16, "width": 16}})"}}));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->patch_size, (PictureSize{14, 14}));
  EXPECT_EQ(settings->merge_size, 2);
  // As measured with transformers: 36 merged patches a row, 11 rows.
  const PicturePlan plan = PictureProcessor(*settings).plan({1000, 300});
  EXPECT_EQ(plan.size_of(plan.tiles[0]), (PictureSize{1008, 308}));
  EXPECT_EQ(plan.layout.patches, (PictureSize{72, 22}));
}

TEST(PictureSettings, WithoutANameTheModelsClass) {
  const auto with_model = [](const std::string& type) {
    return find_picture_settings(
        MemoryFiles(MemoryFiles::Map{{"preprocessor_config.json", R"({"patch_size": 16})"},
                                     {"config.json", R"({"model_type": ")" + type + R"("})"}}));
  };
  EXPECT_EQ(with_model("qwen3_vl")->patch_size, (PictureSize{16, 16}));
  EXPECT_EQ(with_model("gemma3")->scheme, PictureScheme::kPanAndScan);
  EXPECT_THROW(with_model("bert"), FormatError);
}

TEST(PictureSettings, PixelsHaveSeveralSpellings) {
  const std::string head = R"({"image_processor_type": "Qwen2VLImageProcessor", )";
  const SizeRule both = {.shortest_edge = 3136, .longest_edge = 12845056};
  EXPECT_EQ(read(head + R"("min_pixels": 3136, "max_pixels": 12845056})").size, both);
  EXPECT_EQ(read(head + R"("size": {"min_pixels": 3136, "max_pixels": 12845056}})").size, both);
  EXPECT_EQ(read(head + R"("size": {"shortest_edge": 3136, "longest_edge": 12845056}})").size,
            both);
  EXPECT_EQ(read(head + R"("max_pixels": 12845056, "min_pixels": null, "size": null})").size, both);
}

TEST(PictureSettings, WhatCantBeIsRefusedByName) {
  const std::string clip = R"({"image_processor_type": "CLIPImageProcessor", )";
  expect_refused<UnsupportedError>(R"({"image_processor_type": "Siglip2ImageProcessor"})",
                                   "'Siglip2ImageProcessor' isn't supported; known are CLIP");
  expect_refused<FormatError>(R"({"size": 224})", "image_processor_type");
  expect_refused<FormatError>(R"([1])", "not a JSON object");
  expect_refused<FormatError>(clip + R"("size": "large"})", "size");
  expect_refused<FormatError>(clip + R"("size": {"height": 0, "width": 4}})", "size.height is 0");
  expect_refused<FormatError>(clip + R"("size": [224]})", "a height and a width");
  expect_refused<FormatError>(clip + R"("size": 10000000})", "size is 10000000");
  expect_refused<InvalidArgument>(clip + R"("size": {"longest_edge": 4}})", "size has no members");
  expect_refused<InvalidArgument>(clip + R"("size": null})", "size has no members");
  expect_refused<InvalidArgument>(clip + R"("crop_size": null})", "crop_size");
  expect_refused<FormatError>(clip + R"("resample": 6})", "resample is 6");
  expect_refused<FormatError>(clip + R"("resample": null})", "resample is null");
  expect_refused<FormatError>(clip + R"("image_mean": [1, 2]})", "image_mean has 2 numbers");
  expect_refused<FormatError>(clip + R"("image_mean": null})", "image_mean is null");
  expect_refused<InvalidArgument>(clip + R"("image_std": 0})", "image_std");
  expect_refused<InvalidArgument>(clip + R"("rescale_factor": NaN})", "rescale_factor");
  expect_refused<FormatError>(clip + R"("do_resize": 1})", "do_resize");
  expect_refused<UnsupportedError>(clip + R"("do_pad": true, "pad_size": 9})", "pad_size");
  expect_refused<InvalidArgument>(
      R"({"image_processor_type": "Gemma3ImageProcessor", "do_pan_and_scan": true})",
      "pan_and_scan");
  expect_refused<InvalidArgument>(
      R"({"image_processor_type": "Qwen2VLImageProcessor", "patch_size": [14, 16]})", "square");
}

TEST(PicturePlan, SmolVlmOfASmallPicture) {
  const PicturePlan plan =
      PictureProcessor(read(R"({"image_processor_type": "SmolVLMImageProcessor"})"))
          .plan({640, 480});
  EXPECT_EQ(plan.tiles.size(), 13U);
  EXPECT_EQ(plan.layout.rows, 3);
  EXPECT_EQ(plan.layout.columns, 4);
  EXPECT_EQ(plan.layout.whole, 12);
  EXPECT_EQ(plan.layout.resized, (PictureSize{1456, 1092}));
}

TEST(PicturePlan, QwensPatches) {
  const PictureProcessor processor(read(R"({"image_processor_type": "Qwen2VLImageProcessor"})"));
  const auto patches = [&](int width, int height) {
    return processor.plan({width, height}).layout.patches;
  };
  EXPECT_EQ(patches(1000, 37), (PictureSize{72, 2}));
  EXPECT_EQ(patches(28, 28), (PictureSize{4, 4}));
  EXPECT_EQ(patches(27, 27), (PictureSize{4, 4}));
  EXPECT_EQ(patches(5600, 28), (PictureSize{400, 2}));
  EXPECT_EQ(patches(14, 2700), (PictureSize{2, 56}));
  EXPECT_EQ(patches(15, 2700), (PictureSize{2, 192}));
  EXPECT_THROW(patches(5601, 28), InvalidArgument);
}

TEST(PicturePlan, AnyResolutionKeepsWhatUnpaddingNeeds) {
  const PicturePlan plan =
      PictureProcessor(read(R"({"image_processor_type": "LlavaNextImageProcessor",
      "size": 336, "crop_size": 336})"))
          .plan({640, 480});
  EXPECT_EQ(plan.tiles.size(), 5U);
  EXPECT_EQ(plan.layout.whole, 0);
  EXPECT_EQ(plan.layout.original, (PictureSize{640, 480}));
  EXPECT_EQ(plan.layout.resized, (PictureSize{672, 504}));
  EXPECT_EQ(plan.layout.canvas, (PictureSize{672, 672}));
  EXPECT_EQ(plan.layout.rows, 2);
  EXPECT_EQ(plan.layout.columns, 2);
}

/// A thin picture would take gigabytes when its shorter side grows.
TEST(PicturePlan, WhatWouldGrowTooLargeIsRefused) {
  const PictureProcessor clip(read(R"({"image_processor_type": "CLIPImageProcessor"})"));
  EXPECT_THROW(clip.plan({1, 65535}), ResourceExhausted);
  EXPECT_THROW(clip.plan({65535, 1}), ResourceExhausted);
  EXPECT_THROW(clip.plan({0, 5}), InvalidArgument);
  const PictureProcessor tiny(read(R"({"image_processor_type": "SmolVLMImageProcessor",
      "max_image_size": {"longest_edge": 1}})"));
  EXPECT_THROW(tiny.plan({640, 480}), ResourceExhausted);
}

TEST(PictureProcessor, IsMadeOfPlainValues) {
  PictureSettings settings;
  settings.size = {.height = 1, .width = 2};
  settings.image_mean = {0, 0.5, 1};
  settings.image_std = {1, 0.5, 2};
  const PreparedPicture prepared =
      PictureProcessor(settings).prepare(Picture({1, 1}, {255, 0, 51}));
  ASSERT_EQ(prepared.tiles.size(), 1U);
  EXPECT_EQ(prepared.tiles[0].size, (PictureSize{2, 1}));
  const float blue = static_cast<float>(51.0 * (1.0 / 255)) - 1.0F;
  EXPECT_THAT(prepared.tiles[0].planes, ElementsAre(1.0F, 1.0F, -1.0F, -1.0F, blue / 2, blue / 2));
}

TEST(Resize, SidesBelowOneAreRefused) {
  const Picture picture({2, 2});
  EXPECT_THROW(resized(picture, {0, 1}, Resampling::kBox), InvalidArgument);
  EXPECT_THROW(resized(picture, {1, 1}, static_cast<Resampling>(6)), InvalidArgument);
  EXPECT_THROW(Picture({0, 3}), InvalidArgument);
}

TEST(Crop, OutsideIsTheColor) {
  Picture picture({1, 1}, {1, 2, 3});
  const Picture out = cropped(picture, -1, 0, {3, 2}, {7, 8, 9});
  EXPECT_THAT(std::vector<int>(out.bytes().begin(), out.bytes().end()),
              ElementsAre(7, 8, 9, 1, 2, 3, 7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9));
  EXPECT_EQ(cropped(picture, 5, 5, {1, 1}, kWhite), Picture({1, 1}, kWhite));
}

}  // namespace
}  // namespace sirocco
