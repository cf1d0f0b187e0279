// Language models whose pictures keep their shape, with the rows that transformers' encoders made
// of pictures: what they make of them, whichever way the rows come
// (tests/golden/pictures/README.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/checkpoint/folder_testing.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/pipeline/language_pipeline_testing.hpp"
#include "tests/golden/golden_pictures_testing.hpp"

namespace sirocco::testing {
namespace {

using namespace pipeline_testing;
using ::testing::HasSubstr;

constexpr double kNear = 1e-5;

/// The language model of a folder, loaded as often as asked for.
class FolderModel {
 public:
  explicit FolderModel(const std::filesystem::path& folder) {
    Checkpoint opened = open_checkpoint(folder);
    checkpoint_ = canonical_checkpoint(opened.metadata, opened.weights);
  }

  std::unique_ptr<LanguagePipeline> pipeline(std::vector<LayerIndex> cuts = {}) {
    return pipeline(*checkpoint_.metadata, std::move(cuts));
  }
  /// Of the same weights under another description.
  std::unique_ptr<LanguagePipeline> pipeline(const Metadata& metadata,
                                             std::vector<LayerIndex> cuts = {}) {
    LanguagePipelineOptions options;
    options.kv_type = KvType::kF32;
    options.context = 512;
    options.cache_positions = 2048;
    options.block_positions = 16;
    options.blocks.poison = true;
    std::vector<StagePlace> places;
    while (places.size() <= cuts.size()) {
      backends_.push_back(make_cpu_backend(Isa::kRef, threads_));
      places.push_back({*backends_.back(), ledger_});
    }
    const auto builder = make_model_builder(metadata, *checkpoint_.weights, *backends_.front());
    return make_language_pipeline(*builder, places, std::move(options), cuts);
  }
  const WeightSource& weights() const { return *checkpoint_.weights; }

 private:
  CanonicalCheckpoint checkpoint_;
  ThreadGroup threads_{1};
  std::vector<std::unique_ptr<Backend>> backends_;
  ByteLedger ledger_{std::uint64_t{1} << 30};
};

/// A recorded prompt, each run of rows an embedding of its own. The key depends on `number`.
Prompt prompt_of(const PictureModel& model, const PicturePrompt& recorded,
                 std::uint64_t number = 1) {
  std::vector<Prompt::Piece> pieces;
  const auto width =
      recorded.pictures.empty() ? std::int64_t{0} : std::int64_t{recorded.rows.shape.at(1)};
  auto values = recorded.rows.values.begin();
  for (std::size_t at = 0; at < recorded.ids.size();) {
    const bool is_row = recorded.ids[at] == model.image_token_id;
    std::size_t end = at;
    while (end < recorded.ids.size() && (recorded.ids[end] == model.image_token_id) == is_row)
      ++end;
    if (is_row) {
      const auto next = values + static_cast<std::ptrdiff_t>(end - at) * width;
      pieces.emplace_back(std::make_shared<const EmbeddedRows>(
          width, std::vector<float>(values, next), EmbeddingKey{number, at}));
      values = next;
    } else {
      std::vector<TokenId> tokens;
      for (; at < end; ++at) tokens.emplace_back(recorded.ids[at]);
      pieces.emplace_back(std::move(tokens));
    }
    at = end;
  }
  PromptLayout layout;
  if (!recorded.positions.empty()) {
    std::vector<std::int32_t> numbers;
    for (std::size_t row = 0; row < recorded.ids.size(); ++row)
      for (const auto& axis : recorded.positions) numbers.push_back(axis[row]);
    layout.rotary.emplace(static_cast<int>(recorded.positions.size()), std::move(numbers));
  }
  return Prompt(std::move(pieces), std::move(layout));
}

TextJob job_of(Prompt prompt, const PicturePrompt& recorded) {
  TextJob job;
  job.prompt = std::move(prompt);
  job.sampling.temperature = 0;
  job.max_tokens = std::ssize(recorded.continuation);
  job.alternatives = 0;
  return job;
}

std::vector<float> probabilities(const ChosenTokens& answer) {
  std::vector<float> out;
  for (const ChosenToken& token : answer) out.push_back(*token.log_probability);
  return out;
}

class GivenPictures : public ::testing::TestWithParam<std::string> {
 protected:
  const PictureModel recorded_ = read_picture_model(GetParam());
  FolderModel model_{recorded_.folder};
};

TEST_P(GivenPictures, LogitsAreThoseOfTransformers) {
  const auto pipeline = model_.pipeline();
  for (const PicturePrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    const Prompt given = prompt_of(recorded_, prompt);
    const std::vector<float> all = scores(*pipeline, given);
    EXPECT_LT(largest_difference(prompt.all_logits, all), kNear);
    EXPECT_TRUE(same_bits(scores(*pipeline, given, {1}), all));
    EXPECT_TRUE(same_bits(scores(*pipeline, given, {7, 2, 11}), all));
  }
}

TEST_P(GivenPictures, AnswersAreThoseOfTransformers) {
  const auto pipeline = model_.pipeline();
  for (const PicturePrompt& prompt : recorded_.prompts) {
    SCOPED_TRACE(prompt.name);
    const Prompt given = prompt_of(recorded_, prompt);
    std::vector<float> first;
    for (const int chunk : {512, 1, 6}) {
      Usage usage;
      // In turn read, and found in the cache; then those of another key.
      const Prompt again = chunk == 6 ? prompt_of(recorded_, prompt, 2) : given;
      const ChosenTokens answer = run(*pipeline, job_of(again, prompt), chunk, &usage);
      std::vector<std::int32_t> ids;
      for (const ChosenToken& token : answer) ids.push_back(token.token.value());
      EXPECT_EQ(ids, prompt.continuation);
      if (first.empty()) first = probabilities(answer);
      EXPECT_TRUE(same_bits(probabilities(answer), first)) << chunk;
      if (chunk == 1) {
        EXPECT_EQ(usage.cached, (std::ssize(prompt.ids) - 1) / 16 * 16);
      }
    }
  }
}

/// All prompts at once, a step having rows of some that are given and tokens of others.
TEST_P(GivenPictures, AnswersDontDependOnWhatElseIsInAStep) {
  const auto pipeline = model_.pipeline();
  std::vector<TextWork> works;
  for (const PicturePrompt& prompt : recorded_.prompts) {
    CheckedTextJob job =
        LanguagePipeline::check(*pipeline->limits(), job_of(prompt_of(recorded_, prompt), prompt));
    works.push_back(*pipeline->begin(job));
  }
  std::vector<ChosenTokens> answers(works.size());
  const auto running = [](const TextWork& work) { return !work.ending(); };
  for (int step = 0; std::ranges::any_of(works, running); ++step) {
    std::vector<Share<TextWork>> shares;
    for (std::size_t i = 0; i < works.size(); ++i)
      if (running(works[i]))
        shares.push_back(
            {&works[i], std::min<std::int64_t>(works[i].demand().rows,
                                               1 + static_cast<int>(i) * 3 + step % 5)});
    pipeline->wait(pipeline->submit(shares));
    for (std::size_t i = 0; i < works.size(); ++i)
      while (const auto event = works[i].next_event())
        if (const ChosenToken* token = event->token()) answers[i].push_back(*token);
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    const PicturePrompt& prompt = recorded_.prompts[i];
    const auto alone = run(*pipeline, job_of(prompt_of(recorded_, prompt, 3), prompt), 512);
    EXPECT_TRUE(same_bits(probabilities(answers[i]), probabilities(alone))) << prompt.name;
  }
}

std::vector<std::string> models_with_grids() {
  std::vector<std::string> out;
  for (const std::string& name : picture_models())
    if (name.starts_with("qwen") || name.starts_with("pixtral") || name.starts_with("mistral"))
      out.push_back(name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Models, GivenPictures, ::testing::ValuesIn(models_with_grids()),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

JsonValue converted_record(const std::string& name) {
  const std::string path = source_path("tests/golden/mmproj/text/" + name + ".json");
  return parse_json(read_text(path), path);
}

/// The keys of the GGUF file that llama.cpp's converter makes of a folder's language model.
JsonMetadata converted_text(const std::string& name) {
  const JsonValue record = converted_record(name);
  JsonMetadata out("converted");
  for (const JsonValue::Member& member : as<JsonValue::Object>(record))
    if (member.name != "made_with" && member.name != "tensors") out.add(member.name, member.value);
  out.finish();
  return out;
}

class ConvertedText : public ::testing::TestWithParam<std::string> {};

TEST_P(ConvertedText, SaysWhatTheFolderDoes) {
  const PictureModel recorded = read_picture_model(GetParam());
  const JsonValue record = converted_record(GetParam());
  FolderModel model(recorded.folder);

  std::map<std::string, Shape> theirs;
  for (const JsonValue::Member& tensor : as<JsonValue::Object>(member(record, "tensors")))
    theirs.emplace(tensor.name, whole_numbers(as<JsonValue::Array>(tensor.value)));
  std::map<std::string, Shape> ours;
  for (const StoredTensor& tensor : model.weights().tensors()) {
    Shape& shape = ours[std::string(tensor.name)];
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) shape.push_back(tensor.shape[axis]);
  }
  EXPECT_EQ(ours, theirs);
  const auto by_file = model.pipeline(converted_text(GetParam()));
  const auto by_folder = model.pipeline();
  for (const PicturePrompt& prompt : recorded.prompts) {
    const Prompt given = prompt_of(recorded, prompt);
    EXPECT_TRUE(same_bits(scores(*by_file, given), scores(*by_folder, given))) << prompt.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ConvertedText,
                         ::testing::Values("qwen2-vl", "qwen3-vl", "qwen3-vl-moe", "pixtral",
                                           "mistral3"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(ConvertedFiles, AreRefusedWhereTheySayWhatCantBeRun) {
  const auto refusal = [](const std::string& name, std::string_view key, MetadataValue value) {
    const JsonMetadata converted = converted_text(name);
    FakeFolder file;
    for (const std::string_view path : converted.paths())
      file.values.emplace(path, *converted.find(path));
    file.values.insert_or_assign(std::string(key), std::move(value));
    try {
      (void)FolderModel(read_picture_model(name).folder).pipeline(file);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("loaded");
  };
  using Whole = std::vector<std::int64_t>;
  EXPECT_THAT(refusal("mistral3", "mistral3.attention.temperature_scale", 0.1),
              HasSubstr("'mistral3.attention.temperature_scale' says that scores grow with the "
                        "position"));
  EXPECT_THAT(
      refusal("qwen2-vl", "qwen2vl.rope.dimension_sections", Whole{1, 3, 1, 0}),
      HasSubstr("'qwen2vl.rope.dimension_sections': rotary sections of 3 axes with 5 pairs"));
  EXPECT_THAT(refusal("qwen2-vl", "qwen2vl.rope.dimension_sections", Whole{1, -3, 8, 0}),
              HasSubstr("'qwen2vl.rope.dimension_sections' holds -3; a head has 6 pairs"));
  EXPECT_THAT(refusal("qwen3-vl", "qwen3vl.n_deepstack_layers", std::int64_t{4}),
              HasSubstr("rows are to be added behind 4 layers, and the model has 3"));
  EXPECT_EQ(refusal("qwen3-vl", "qwen3vl.n_deepstack_layers", std::int64_t{0}), "loaded");
}

/// Rows are added behind the first two of three layers.
class DeepStack : public ::testing::Test {
 protected:
  const PictureModel recorded_ = read_picture_model("qwen3-vl");
  const PicturePrompt& prompt_ = recorded_.prompts.at(1);
  FolderModel model_{recorded_.folder};
};

TEST_F(DeepStack, StagesMayBeCutBehindIt) {
  const auto whole = model_.pipeline();
  EXPECT_EQ(whole->limits()->deep_stack, 2);
  const auto cut = model_.pipeline({LayerIndex(2)});
  EXPECT_EQ(cut->limits()->deep_stack, 2);
  const Prompt given = prompt_of(recorded_, prompt_);
  EXPECT_TRUE(same_bits(scores(*cut, given, {5}), scores(*whole, given)));
}

TEST_F(DeepStack, IsRefusedWhereStagesCutIt) {
  const auto cut = model_.pipeline({LayerIndex(1)});
  EXPECT_EQ(cut->limits()->deep_stack, 0);
  const auto checked = [&](Prompt prompt) -> std::string {
    try {
      (void)LanguagePipeline::check(*cut->limits(), job_of(std::move(prompt), prompt_));
    } catch (const InvalidArgument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(checked(prompt_of(recorded_, prompt_)),
              HasSubstr("is an embedding of width 132; the model's have 44"));
  // What is no picture needs no such rows.
  EXPECT_EQ(checked(prompt_of(recorded_, recorded_.prompts.back())), "");
}

/// Each part of a row counts, the further ones too, and not for the tokens before it.
TEST_F(DeepStack, EachPartOfARowCounts) {
  const auto pipeline = model_.pipeline();
  const std::vector<float> expected = scores(*pipeline, prompt_of(recorded_, prompt_));
  const auto first = static_cast<std::size_t>(
      std::ranges::find(prompt_.ids, recorded_.image_token_id) - prompt_.ids.begin());
  const auto v = expected.size() / prompt_.ids.size();
  const auto width = static_cast<std::size_t>(prompt_.rows.shape.at(1));
  for (std::size_t part = 0; part < 3; ++part) {
    PicturePrompt other = prompt_;
    other.rows.values[width + part * width / 3] += 1;  // of the second row
    const std::vector<float> all = scores(*pipeline, prompt_of(recorded_, other));
    const auto row = [&](const std::vector<float>& of, std::size_t i) {
      return std::span(of).subspan(i * v, v);
    };
    for (std::size_t i = 0; i < prompt_.ids.size(); ++i)
      EXPECT_EQ(same_bits(row(all, i), row(expected, i)), i <= first) << part << ' ' << i;
  }
}

}  // namespace
}  // namespace sirocco::testing
