// The records of prompts with pictures are read whole, and the files that were made are theirs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/golden/counted_values_testing.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

std::size_t extent(const RecordedArray& array, std::size_t dim) {
  return static_cast<std::size_t>(array.shape.at(dim));
}

void expect_logits_fit(const PicturePrompt& prompt) {
  const std::size_t vocabulary = extent(prompt.logits, 1);
  ASSERT_EQ(extent(prompt.all_logits, 0), prompt.ids.size());
  ASSERT_EQ(extent(prompt.all_logits, 1), vocabulary);
  ASSERT_EQ(extent(prompt.logits, 0), prompt.logits_at.size());
  ASSERT_EQ(prompt.logits_at.back(), prompt.ids.size() - 1);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < prompt.logits_at.size(); ++i) {
    for (std::size_t v = 0; v < vocabulary; ++v) {
      const std::size_t place = prompt.logits_at[i] * vocabulary + v;
      if (place % prompt.all_logits.every != 0) continue;
      EXPECT_EQ(prompt.logits.values[i * vocabulary + v],
                prompt.all_logits.values[place / prompt.all_logits.every]);
      ++compared;
    }
  }
  EXPECT_GT(compared, 0u);
  const auto last = prompt.logits.values.end() - static_cast<std::ptrdiff_t>(vocabulary);
  EXPECT_EQ(std::max_element(last, prompt.logits.values.end()) - last, prompt.continuation.at(0));
  EXPECT_EQ(prompt.continuation.size(), prompt.margins.size());
}

TEST(GoldenPictures, PromptsAreReadWhole) {
  const std::vector<std::string> names = picture_models();
  EXPECT_GE(names.size(), 14u);
  int typed = 0;
  for (const std::string& name : names) {
    const PictureModel model = read_picture_model(name);
    EXPECT_TRUE(fs::exists(model.folder / "config.json")) << name;
    EXPECT_TRUE(fs::exists(model.folder / "tokenizer.json")) << name;
    EXPECT_FALSE(model.prompts.empty()) << name;
    if (model.typed) {
      ++typed;
      EXPECT_NE(model.typed->contents.back().text.find(model.placeholder), std::string::npos);
      EXPECT_EQ(model.typed->pictures.size(), 1u);
    }
    for (const PicturePrompt& prompt : model.prompts) {
      SCOPED_TRACE(name + " " + prompt.name);
      expect_logits_fit(prompt);
      const auto rows = std::ranges::count(prompt.ids, model.image_token_id);
      if (prompt.pictures.empty()) {
        EXPECT_EQ(rows, 0);
        EXPECT_TRUE(prompt.rows.values.empty());
        continue;
      }
      EXPECT_EQ(rows, prompt.rows.shape.at(0));
      EXPECT_EQ(prompt.rows.shape.at(1) * rows, std::ssize(prompt.rows.values));
      EXPECT_FALSE(prompt.pixels.values.values.empty());
      EXPECT_FALSE(prompt.projector_input.values.empty());
      for (const std::vector<std::int32_t>& axis : prompt.positions)
        EXPECT_EQ(axis.size(), prompt.ids.size());
      if (prompt.token_type_ids.empty()) continue;
      EXPECT_EQ(prompt.token_type_ids.size(), prompt.ids.size());
      EXPECT_EQ(std::ranges::count(prompt.token_type_ids, 1), rows);
    }
  }
  EXPECT_GE(typed, 9);
}

TEST(GoldenPictures, PairsAreReadWhole) {
  const std::vector<std::string> names = picture_pairs();
  EXPECT_EQ(names.size(), 3u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const PicturePair pair = read_picture_pair(name);
    EXPECT_TRUE(fs::exists(pair.folder / "config.json"));
    EXPECT_EQ(extent(pair.text_embeddings, 0), pair.texts.size());
    EXPECT_EQ(extent(pair.picture_embeddings, 0), pair.pictures.size());
    EXPECT_EQ(extent(pair.logits_per_picture, 1), pair.texts.size());
    const std::size_t width = extent(pair.text_embeddings, 1);
    float squares = 0.0f;
    for (std::size_t i = 0; i < width; ++i)
      squares += pair.text_embeddings.values[i] * pair.text_embeddings.values[i];
    EXPECT_NEAR(squares, 1.0f, 1e-5f);
  }
}

/// Every file with weights that was written when its model was recorded, byte for byte.
TEST(GoldenPictures, FilesAreThoseThatWereRecorded) {
  std::size_t compared = 0;
  const fs::path recorded = source_path("tests/golden/pictures");
  for (const auto& entry : fs::directory_iterator(recorded)) {
    if (entry.path().extension() != ".json") continue;
    const JsonValue model = parse_json(read_text(entry.path()), entry.path().native());
    for (const auto& [name, expected] : as<JsonValue::Object>(member(model, "digests"))) {
      const std::string bytes = read_text(made_golden_path("pictures/" + name));
      EXPECT_EQ(fmt::format("{:016x}", CountedValues::digest(std::as_bytes(std::span(bytes)))),
                as<std::string>(expected))
          << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, picture_models().size() + picture_pairs().size());
}

TEST(GoldenPictures, DifferencesAreOfTheElementsKept) {
  const RecordedArray recorded{{2, 3}, 2, {1.0f, -4.0f, 2.0f}};
  EXPECT_EQ(largest_difference(recorded, std::vector<float>{1, 9, -4, 9, 2, 9}), 0.0);
  EXPECT_EQ(largest_difference(recorded, std::vector<float>{1, 9, -4, 9, 3, 9}), 0.25);
  constexpr double kNone = std::numeric_limits<double>::infinity();
  EXPECT_EQ(largest_difference(recorded, std::vector<float>(5)), kNone);
  EXPECT_EQ(largest_difference(recorded, std::vector<float>(6, std::nanf(""))), kNone);
}

}  // namespace
}  // namespace sirocco::testing
