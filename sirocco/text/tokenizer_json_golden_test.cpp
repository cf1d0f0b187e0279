// Every tokenizer.json of tests/golden/tokenizer_json against Hugging Face's tokenizers.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_golden.hpp"

namespace sirocco {
namespace {

const std::string& folder() {
  static const std::string name = golden_folder("tokenizer_json");
  return name;
}

const std::vector<GoldenCase>& cases() {
  static const std::vector<GoldenCase> all = golden_cases(folder());
  return all;
}

const std::vector<std::string>& strings() {
  static const std::vector<std::string> all = golden_strings();
  return all;
}

// "@NAME" in one of these files stands for the content of that file.
std::string composed(const std::string& path) {
  std::string json = read_file(path);
  for (std::size_t at = json.find("\"@"); at != std::string::npos; at = json.find("\"@", at)) {
    const std::size_t end = json.find('"', at + 1);
    const std::string name = json.substr(at + 2, end - at - 2);
    if (name.find('.') == std::string::npos) {  // a text of the tokenizer's own
      ++at;
      continue;
    }
    const std::string content = read_file(folder() + name);
    json.replace(at, end + 1 - at, content);
    at += content.size();
  }
  return json;
}

Tokenizer tokenizer_of(const std::string& name) {
  if (name.ends_with(".vocab")) return make_tokenizer(FixtureMetadata::load(folder() + name));
  const std::string json = composed(folder() + name);
  TokenizerFiles files;
  files.origin = name;
  files.tokenizer = json;
  return make_tokenizer(files);
}

class JsonGolden : public testing::TestWithParam<std::size_t> {};

TEST_P(JsonGolden, AgreesWithTheReference) {
  const GoldenCase& golden = cases()[GetParam()];
  expect_golden(golden, tokenizer_of(golden.vocab), strings());
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
    if (name.ends_with(".json")) all += composed(folder() + name);
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
