#include "sirocco/hub/selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/hub/hub_testing.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<RepositoryFile> files(std::initializer_list<const char*> paths) {
  std::vector<RepositoryFile> out;
  for (const char* const path : paths) out.push_back(listed(path));
  return out;
}

std::vector<std::string> paths(const ModelFiles& model) {
  std::vector<std::string> out;
  for (const RepositoryFile& file : model.files) out.push_back(file.path.text());
  return out;
}

std::variant<ModelFiles, Undecided> choose(const std::vector<RepositoryFile>& among,
                                           std::string_view what = "") {
  return choose_model(models_among(among), among, what, "a/b");
}

ModelFiles chosen(const std::vector<RepositoryFile>& among, std::string_view what = "") {
  auto choice = choose(among, what);
  if (const auto* const model = std::get_if<ModelFiles>(&choice)) return *model;
  ADD_FAILURE() << "undecided: " << std::get<Undecided>(choice).why;
  return {};
}

std::string refusal(const std::vector<RepositoryFile>& among, std::string_view what = "") {
  try {
    choose(among, what);
  } catch (const NotFound& e) {
    return e.what();
  }
  return "";
}

TEST(Selection, TakesFormatsInTheOrderOfPreference) {
  EXPECT_EQ(preferred_formats().front(), "Q4_K_M");
  std::vector<RepositoryFile> all;
  for (const std::string_view format : preferred_formats())
    all.push_back(listed("m-" + std::string(format) + ".gguf"));
  std::ranges::reverse(all);
  for (const std::string_view format : preferred_formats()) {
    const ModelFiles model = chosen(all);
    EXPECT_EQ(model.format, format);
    EXPECT_EQ(model.selector, format);
    std::erase_if(all, [&](const RepositoryFile& f) { return f.path == model.files[0].path; });
  }
}

TEST(Selection, KnowsFormatsByNames) {
  for (const auto& [name, format] : {std::pair("m.Q4_K_M.gguf", "Q4_K_M"),
                                     {"m-q4_0.gguf", "Q4_0"},
                                     {"Q8_0/m-Q8_0.gguf", "Q8_0"},
                                     {"m-UD-Q4_K_XL.gguf", "Q4_K_XL"},
                                     {"m-IQ2_XXS.GGUF", "IQ2_XXS"},
                                     {"m-bf16.gguf", "BF16"},
                                     {"m_f16.gguf", "F16"},
                                     {"mQ4_0.gguf", ""},
                                     {"model.gguf", ""},
                                     {"m-Q4_0-best.gguf", ""}}) {
    const auto models = models_among(files({name}));
    ASSERT_EQ(models.size(), 1U) << name;
    EXPECT_EQ(models[0].format, format) << name;
  }
}

TEST(Selection, JoinsTheParts) {
  const auto all = files({"m-Q8_0-00002-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf",
                          "m-Q4_0-00001-of-00003.gguf", "m-Q4_0-00003-of-00003.gguf",
                          "n-00001-of-00001.gguf", "o-00000-of-00000.gguf", "p-00003-of-00002.gguf",
                          "q-00001-of-00002.gguf", "q-00003-of-00002.gguf"});
  const auto models = models_among(all);
  ASSERT_EQ(models.size(), 2U);
  EXPECT_THAT(paths(models[0]),
              ElementsAre("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"));
  EXPECT_EQ(models[0].bytes(), 20U);
  EXPECT_THAT(paths(models[1]), ElementsAre("n-00001-of-00001.gguf"));
  // By the name of any part; the preferred format isn't whole.
  EXPECT_EQ(chosen(all, "m-Q8_0-00002-of-00002.gguf").files.size(), 2U);
  EXPECT_EQ(chosen(all).format, "Q8_0");
}

TEST(Selection, TakesOfAFolderWhatIsListed) {
  const auto all =
      files({"README.md", "config.json", "model-00001-of-00002.safetensors",
             "model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json",
             "tokenizer.model", "pytorch_model.bin", "x.py", "text_encoder/model.safetensors",
             "onnx/config.json", "training_args.bin", "1_Pooling/config.json",
             "2_Dense/model.safetensors", "logo.png", "additional_chat_templates/tool_use.jinja",
             "consolidated.safetensors", "original/tokenizer.model", "sentence_bert_config.json"});
  const ModelFiles model = chosen(all);
  EXPECT_EQ(model.kind, ModelFiles::Kind::kFolder);
  EXPECT_EQ(model.selector, "safetensors");
  EXPECT_THAT(paths(model),
              ElementsAre("1_Pooling/config.json", "2_Dense/model.safetensors",
                          "additional_chat_templates/tool_use.jinja", "config.json",
                          "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                          "model.safetensors.index.json", "sentence_bert_config.json",
                          "tokenizer.json", "tokenizer.model"));
}

TEST(Selection, TakesWeightsOnce) {
  const ModelFiles model =
      chosen(files({"config.json", "model.safetensors", "model-00001-of-00001.safetensors",
                    "model.safetensors.index.json"}));
  EXPECT_THAT(paths(model), ElementsAre("config.json", "model.safetensors"));
}

TEST(Selection, LeavesUndecidedWhatAPersonHasToSay) {
  const auto same = files({"a-Q4_K_M.gguf", "b-Q4_K_M.gguf", "c-Q8_0.gguf"});
  const auto choice = choose(same);
  ASSERT_TRUE(std::holds_alternative<Undecided>(choice));
  const Undecided& undecided = std::get<Undecided>(choice);
  ASSERT_EQ(undecided.models.size(), 2U);
  // What it is to be chosen by is what tells it apart.
  for (const ModelFiles& model : undecided.models)
    EXPECT_EQ(paths(chosen(same, model.selector)), paths(model));
  EXPECT_TRUE(std::holds_alternative<Undecided>(choose(files({"x.gguf", "y.gguf"}))));
  EXPECT_TRUE(std::holds_alternative<Undecided>(choose(same, "q4_k_m")));
  EXPECT_EQ(chosen(files({"m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf", "m-Q2_K.gguf"}), "UD-Q4_K_XL")
                .files[0]
                .path.text(),
            "m-UD-Q4_K_XL.gguf");
}

TEST(Selection, SaysWhatThereIs) {
  EXPECT_THAT(refusal(files({"a-Q4_0.gguf", "b-Q8_0.gguf"}), "Q2_K"),
              HasSubstr("it has 'Q4_0', 'Q8_0'"));
  EXPECT_THAT(refusal(files({"config.json", "model.bin"})), HasSubstr("pickled"));
  EXPECT_THAT(refusal(files({"adapter_model.safetensors"})), HasSubstr("adapter"));
  EXPECT_THAT(refusal(files({"mmproj-F16.gguf"})), HasSubstr("no GGUF model"));
  EXPECT_THAT(refusal(files({"unet/x.safetensors"})), HasSubstr("names of a language model"));
  EXPECT_THAT(refusal({}), HasSubstr("neither GGUF nor safetensors"));
}

/// Names as hubs have them, and some that have only parts of that.
std::vector<RepositoryFile> any_files() {
  static const std::vector<std::string> kNames = {"m", "n", "sub/m", "mmproj", "model"};
  static const std::vector<std::string> kFormats = {"",       "-Q4_K_M", "-q4_k_m",    "-Q8_0",
                                                    ".IQ1_S", "-F16",    "-UD-Q4_K_XL"};
  static const std::vector<std::string> kEnds = {".gguf",
                                                 "-00001-of-00002.gguf",
                                                 "-00002-of-00002.gguf",
                                                 "-00001-of-00001.gguf",
                                                 ".safetensors",
                                                 ".bin",
                                                 ".GGUF",
                                                 "-00001-of-99999.gguf"};
  std::set<std::string> names;
  const auto count = *rc::gen::inRange<std::size_t>(0, 12);
  for (std::size_t i = 0; i < count; ++i) {
    names.insert(*rc::gen::elementOf(kNames) + *rc::gen::elementOf(kFormats) +
                 *rc::gen::elementOf(kEnds));
  }
  if (*rc::gen::arbitrary<bool>()) names.insert("config.json");
  std::vector<RepositoryFile> out;
  for (const std::string& name : names) out.push_back(listed(name));
  return out;
}

RC_GTEST_PROP(AnyRepository, HasModelsThatTheirSelectorsChoose, ()) {
  const std::vector<RepositoryFile> all = any_files();
  for (const ModelFiles& model : models_among(all)) {
    const auto choice = choose_model(models_among(all), all, model.selector, "a/b");
    RC_ASSERT(std::holds_alternative<ModelFiles>(choice));
    RC_ASSERT(paths(std::get<ModelFiles>(choice)) == paths(model));
  }
}

RC_GTEST_PROP(AnyRepository, IsChosenFromWithoutRegardToTheOrderOfItsFiles, ()) {
  std::vector<RepositoryFile> all = any_files();
  const auto outcome = [](const std::vector<RepositoryFile>& among) -> std::vector<std::string> {
    try {
      const auto choice = choose_model(models_among(among), among, "", "a/b");
      if (const auto* const model = std::get_if<ModelFiles>(&choice)) return paths(*model);
      return {"undecided"};
    } catch (const NotFound&) {
      return {};
    }
  };
  const std::vector<std::string> first = outcome(all);
  std::ranges::reverse(all);
  RC_ASSERT(outcome(all) == first);
  // What is chosen is the best of the formats that there are.
  if (first.empty() || first[0] == "undecided") return;
  for (const ModelFiles& model : models_among(all)) {
    const auto rank = [](const std::string& format) {
      return std::ranges::find(preferred_formats(), format) - preferred_formats().begin();
    };
    std::string format;
    for (const ModelFiles& m : models_among(all)) {
      if (paths(m) == first) format = m.format;
    }
    RC_ASSERT(model.kind == ModelFiles::Kind::kFolder || rank(format) <= rank(model.format));
  }
}

}  // namespace
}  // namespace sirocco
