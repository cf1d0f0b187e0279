// Models of texts and pictures side by side: the vectors of both against those of transformers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "sirocco/engine/engine.hpp"
#include "sirocco/engine/text_embedder.hpp"
#include "tests/golden/golden_pictures_testing.hpp"
#include "tests/models/made_pictures_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco::testing {
namespace {

constexpr double kNear = 1e-5;

class PicturePairs : public ::testing::TestWithParam<std::string> {
 protected:
  LoadedEmbedder load(bool normalize) {
    EmbeddingPipelineOptions options;
    options.normalize = normalize;
    options.kv_type = KvType::kF32;
    return load_text_embedder(machine_, recorded_.folder, {}, options);
  }

  const PicturePair recorded_ = read_picture_pair(GetParam());
  Machine machine_;
};

TEST_P(PicturePairs, TextsHaveTheVectorsOfTransformers) {
  for (const bool normalize : {false, true}) {
    const LoadedEmbedder model = load(normalize);
    Engine engine(machine_);
    std::vector<std::vector<TokenId>> sequences;
    for (const EmbeddedText& text : recorded_.texts) {
      std::vector<std::int32_t> ids;
      for (const TokenId token :
           sequences.emplace_back(model.tokenize(text.text, {.parse_special = true}).tokens))
        ids.push_back(token.value());
      EXPECT_EQ(ids, text.ids) << text.text;
    }
    std::vector<float> all;
    for (const EmbeddingEvent& vector :
         embed_all(engine, engine.add(model.shared_pipeline()), sequences))
      all.insert(all.end(), vector.begin(), vector.end());
    // The first folders take the row of the highest id, which here is that of a token that a text
    // holds: this is the row of the last one, as all real vocabularies have it.
    RecordedArray expected = normalize ? recorded_.text_embeddings : recorded_.text_features;
    if (GetParam() == "clip") {
      expected.shape[0] -= 1;
      expected.values.resize(expected.shape[0] * expected.shape[1]);
      all.resize(expected.values.size());
    }
    EXPECT_LT(largest_difference(expected, all), kNear);
  }
}

TEST_P(PicturePairs, PicturesHaveTheVectorsOfTransformers) {
  for (const bool normalize : {false, true}) {
    const LoadedEmbedder model = load(normalize);
    const PictureInputs* const pictures = model.pictures();
    ASSERT_NE(pictures, nullptr);
    std::vector<EmbeddingJob> jobs;
    for (const EmbeddedPicture& shown : recorded_.pictures)
      jobs.push_back({pictures->prepared(picture_of(shown.picture)).input});
    Engine engine(machine_);
    std::vector<float> all;
    for (const EmbeddingEvent& vector :
         embed_all(engine, engine.add(model.shared_pipeline()), std::move(jobs)))
      all.insert(all.end(), vector.begin(), vector.end());
    EXPECT_LT(largest_difference(
                  normalize ? recorded_.picture_embeddings : recorded_.picture_features, all),
              kNear);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PicturePairs, ::testing::Values("clip", "clip-eos", "siglip"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sirocco::testing
