// Every tokenizer.json of tests/golden/tokenizer_json against Hugging Face's tokenizers.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_golden_testing.hpp"

namespace sirocco {
namespace {

const std::vector<GoldenCase>& cases() {
  static const std::vector<GoldenCase> all = golden_cases(golden_folder("tokenizer_json"));
  return all;
}

const std::vector<std::string>& strings() {
  static const std::vector<std::string> all = golden_strings();
  return all;
}

class JsonGolden : public testing::TestWithParam<std::size_t> {};

TEST_P(JsonGolden, AgreesWithTheReference) {
  const GoldenCase& golden = cases()[GetParam()];
  expect_golden(golden, golden_tokenizer(golden.vocab), strings());
}

std::string case_name(const testing::TestParamInfo<std::size_t>& info) {
  const GoldenCase& golden = cases()[info.param];
  std::string name = golden.kind + "_" + golden.vocab + "_" + golden.options;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Recorded, JsonGolden, testing::Range<std::size_t>(0, cases().size()),
                         case_name);

// A component that no recorded file holds would be one that nothing compares.
TEST(JsonGoldenFiles, HoldEveryComponent) {
  std::string all;
  std::set<std::string> names;
  for (const GoldenCase& golden : cases()) names.insert(golden.vocab);
  for (const std::string& name : names) {
    if (name.ends_with(".json")) all += golden_json(name);
  }
  for (const char* component : {"BertNormalizer",
                                "NFC",
                                "NFD",
                                "NFKC",
                                "NFKD",
                                "Lowercase",
                                "Strip",
                                "StripAccents",
                                "Nmt",
                                "Replace",
                                "Prepend",
                                "Precompiled",
                                "ByteLevel",
                                "Split",
                                "Metaspace",
                                "Whitespace",
                                "WhitespaceSplit",
                                "BertPreTokenizer",
                                "Punctuation",
                                "Digits",
                                "CharDelimiterSplit",
                                "TemplateProcessing",
                                "BertProcessing",
                                "RobertaProcessing",
                                "WordPiece",
                                "ByteFallback",
                                "Fuse",
                                "BPEDecoder",
                                "CTC",
                                "Sequence",
                                "BPE",
                                "Unigram"}) {
    EXPECT_NE(all.find("\"type\": \"" + std::string(component) + "\""), std::string::npos)
        << component;
  }
}

}  // namespace
}  // namespace sirocco
