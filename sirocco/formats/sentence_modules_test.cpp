#include "sirocco/formats/sentence_modules.hpp"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FakeFiles final : public CompanionFiles {
 public:
  std::map<std::string, std::string, std::less<>> files;
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = files.find(name);
    return found == files.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  }
  std::string origin(std::string_view name) const override { return "folder/" + std::string(name); }
};

FakeFiles usual() {
  FakeFiles f;
  f.files["modules.json"] = R"([
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    {"idx": 3, "name": "3", "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}
  ])";
  f.files["1_Pooling/config.json"] =
      R"({"pooling_mode_mean_tokens": false, "pooling_mode_lasttoken": true})";
  f.files["2_Dense/config.json"] = R"({"activation_function": "torch.nn.modules.linear.Identity"})";
  f.files["config_sentence_transformers.json"] =
      R"({"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": "query"})";
  f.files["sentence_bert_config.json"] = R"({"max_seq_length": 256})";
  return f;
}

template <class E>
std::string refusal(const char* name, const char* text) {
  FakeFiles f = usual();
  f.files[name] = text;
  try {
    read_sentence_modules(f);
  } catch (const E& e) {
    return e.what();
  }
  return "nothing of that kind was thrown";
}

TEST(SentenceModules, AreReadFromTheFolder) {
  const SentenceModules m = read_sentence_modules(usual());
  EXPECT_EQ(m.pooling, "last");
  EXPECT_EQ(m.dense, 1u);
  EXPECT_EQ(m.normalize, true);
  EXPECT_EQ(m.max_tokens, 256);
  EXPECT_EQ(m.prompts.at("query"), "q: ");
  EXPECT_EQ(m.default_prompt, "query");
  FakeFiles newer = usual();
  newer.files["1_Pooling/config.json"] = R"({"pooling_mode": "cls", "include_prompt": true})";
  EXPECT_EQ(read_sentence_modules(newer).pooling, "cls");
}

TEST(SentenceModules, VectorsKeepTheirLengthsWhereNothingNormalizesThem) {
  FakeFiles f = usual();
  f.files["modules.json"] = R"([{"path": "", "type": "a.Transformer"},
                                {"path": "1_Pooling", "type": "a.Pooling"}])";
  EXPECT_EQ(read_sentence_modules(f).normalize, false);
}

TEST(SentenceModules, OldFilesAreNamedByTheModelsKind) {
  FakeFiles f = usual();
  f.files["sentence_roberta_config.json"] = R"({"max_seq_length": 128, "do_lower_case": true})";
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 256);
  f.files.erase("sentence_bert_config.json");
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 128);
  EXPECT_TRUE(read_sentence_modules(f).lowercase);
}

TEST(SentenceModules, TheTokenizerSaysHowLongATextMayBeWhereTheModuleDoesnt) {
  FakeFiles f = usual();
  f.files["tokenizer_config.json"] = R"({"model_max_length": 128})";
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 256);
  f.files["sentence_bert_config.json"] = R"({"transformer_task": "feature-extraction"})";
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 128);
  f.files.erase("sentence_bert_config.json");
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 128);
  f.files["tokenizer_config.json"] = R"({"model_max_length": 1000000000000000019884624838656})";
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 0);
}

TEST(SentenceModules, TextsAreLoweredWhereTheModuleSaysSo) {
  FakeFiles f = usual();
  EXPECT_FALSE(read_sentence_modules(f).lowercase);
  for (const auto& [said, meant] :
       {std::pair("true", true), std::pair("false", false), std::pair("null", false)}) {
    f.files["sentence_bert_config.json"] = std::string(R"({"do_lower_case": )") + said + "}";
    EXPECT_EQ(read_sentence_modules(f).lowercase, meant) << said;
  }
  EXPECT_THAT(refusal<FormatError>("sentence_bert_config.json", R"({"do_lower_case": "yes"})"),
              HasSubstr("'do_lower_case'"));
}

/// As they come from Windows' editors, and from Python's json.
TEST(SentenceModules, ByteOrderMarksAndInfiniteNumbersAreReadOver) {
  FakeFiles f = usual();
  for (auto& [name, text] : f.files) text = "\xEF\xBB\xBF" + text;
  f.files["sentence_bert_config.json"] = R"({"max_seq_length": 256, "other": [NaN, -Infinity]})";
  f.files["tokenizer_config.json"] = R"({"model_max_length": Infinity})";
  const SentenceModules m = read_sentence_modules(f);
  EXPECT_EQ(m.pooling, "last");
  EXPECT_EQ(m.max_tokens, 256);
  f.files.erase("sentence_bert_config.json");
  EXPECT_EQ(read_sentence_modules(f).max_tokens, 0);
}

TEST(SentenceModules, MembersThatChangeWhatIsComputedAreRefused) {
  struct Case {
    const char* file;
    const char* member;
    const char* value;
  };
  constexpr Case kCases[] = {
      {"sentence_bert_config.json", "transformer_task", "\"fill-mask\""},
      {"sentence_bert_config.json", "module_output_name", "\"sentence_embedding\""},
      {"sentence_bert_config.json", "processing_kwargs", R"({"text": {"max_length": 8}})"},
      {"sentence_bert_config.json", "query_length", "8"},
      {"sentence_bert_config.json", "document_length", "8"},
      {"sentence_bert_config.json", "query_expansion", R"({"length": 8})"},
      {"config_sentence_transformers.json", "model_type", "\"SparseEncoder\""},
      {"2_Dense/config.json", "use_residual", "true"},
      {"2_Dense/config.json", "module_input_name", "\"token_embeddings\""},
      {"3_Normalize/config.json", "module_input_name", "\"token_embeddings\""},
  };
  for (const Case& c : kCases) {
    const std::string text = std::string(R"({"activation_function": "torch.nn.Identity", ")") +
                             c.member + "\": " + c.value + "}";
    EXPECT_THAT(refusal<UnsupportedError>(c.file, text.c_str()),
                AllOf(HasSubstr(c.file), HasSubstr(std::string("'") + c.member + "'")));
  }
  FakeFiles f = usual();
  f.files["sentence_bert_config.json"] = R"({"do_lower_case": false, "processing_kwargs": {},
      "query_length": null, "transformer_task": "feature-extraction",
      "module_output_name": "token_embeddings", "unpad_inputs": null})";
  EXPECT_NO_THROW(read_sentence_modules(f));
}

TEST(SentenceModules, AreEmptyWithoutThem) {
  const SentenceModules m = read_sentence_modules(FakeFiles());
  EXPECT_FALSE(m.pooling.has_value());
  EXPECT_FALSE(m.normalize.has_value());
  EXPECT_EQ(m.dense, 0u);
  EXPECT_TRUE(m.prompts.empty());
}

TEST(SentenceModules, WhatIsntSupportedIsNamed) {
  constexpr const char* kPooling = "1_Pooling/config.json";
  EXPECT_THAT(refusal<UnsupportedError>(kPooling, R"({"pooling_mode_max_tokens": true})"),
              HasSubstr("a pooling by max"));
  EXPECT_THAT(refusal<UnsupportedError>(
                  kPooling, R"({"pooling_mode_cls_token": true, "pooling_mode_lasttoken": true})"),
              HasSubstr("2 modes"));
  EXPECT_THAT(refusal<UnsupportedError>(kPooling, R"({"pooling_mode": "attention"})"),
              HasSubstr("'attention'"));
  EXPECT_THAT(
      refusal<UnsupportedError>(kPooling, R"({"pooling_mode": "mean", "include_prompt": false})"),
      HasSubstr("leaves the prompt out"));
  EXPECT_THAT(refusal<UnsupportedError>("2_Dense/config.json",
                                        R"({"activation_function": "torch.nn.Tanh"})"),
              HasSubstr("'torch.nn.Tanh'"));
  EXPECT_THAT(refusal<UnsupportedError>("2_Dense/config.json", "{}"), HasSubstr("'Tanh'"));
  EXPECT_THAT(refusal<UnsupportedError>("modules.json", R"([{"path": "", "type": "a.CLIPModel"}])"),
              HasSubstr("'a.CLIPModel'"));
  EXPECT_THAT(
      refusal<UnsupportedError>("modules.json", R"([{"path": "0_T", "type": "a.Transformer"}])"),
      HasSubstr("'0_T'"));
}

TEST(SentenceModules, DamagedFilesAreRefused) {
  for (const char* text : {"", "{}", "[1]", "[{}]", R"([{"type": 1, "path": ""}])", "[[", "\xff"})
    EXPECT_THAT(refusal<FormatError>("modules.json", text), HasSubstr("folder/modules.json"))
        << text;
  EXPECT_THAT(refusal<FormatError>("1_Pooling/config.json", R"({"pooling_mode_cls_token": 1})"),
              HasSubstr("'pooling_mode_cls_token'"));
  constexpr const char* kPrompts = "config_sentence_transformers.json";
  EXPECT_THAT(refusal<FormatError>(kPrompts, R"({"prompts": {"a": 1}})"), HasSubstr("'a'"));
  EXPECT_THAT(refusal<FormatError>(kPrompts, R"({"default_prompt_name": "b"})"), HasSubstr("'b'"));
  FakeFiles f = usual();
  f.files.erase("1_Pooling/config.json");
  EXPECT_THROW(read_sentence_modules(f), FormatError);
}

}  // namespace
}  // namespace sirocco
