#include <gtest/gtest.h>

#include <set>

#include "sirocco/text/tokenizer_golden_testing.hpp"

namespace sirocco {
namespace {

const std::vector<GoldenCase>& cases() {
  static const std::vector<GoldenCase> all = golden_cases();
  return all;
}

const std::vector<std::string>& strings() {
  static const std::vector<std::string> all = golden_strings();
  return all;
}

Tokenizer tokenizer_of(const GoldenCase& golden) {
  FixtureMetadata metadata = FixtureMetadata::load(golden_folder() + golden.vocab + ".vocab");
  if (golden.pre != "-") metadata.set_text("tokenizer.ggml.pre", golden.pre);
  return make_tokenizer(metadata);
}

class Golden : public testing::TestWithParam<std::size_t> {};

TEST_P(Golden, AgreesWithTheReference) {
  const GoldenCase& golden = cases()[GetParam()];
  if (golden.kind == "pieces") {
    const PretokenizerRow* row = find_pretokenizer(golden.pre);
    ASSERT_NE(row, nullptr);
    const Pretokenizer pretokenizer(row->stages, row->normalization);
    GoldenComparison comparison(golden);
    for (std::size_t i = 0; i < golden.expected.size(); i += kGoldenStride) {
      TokenizeStats stats;
      SplitRun run(strings()[i].size(), stats);
      GoldenHash hash;
      std::string shown;
      pretokenizer.split(strings()[i], run, [&](std::string_view piece) {
        hash.add(static_cast<std::uint32_t>(piece.size()));
        hash.add(piece);
        shown += quoted(piece) + " ";
      });
      comparison.add(i, hash.value(), [&] { return golden.pre + " cuts it as " + shown; });
    }
    comparison.finish();
    return;
  }
  // The default model's own vocabulary is compared where the model is: tests/end_to_end.
  if (golden.vocab == "model") return;
  expect_golden(golden, tokenizer_of(golden), strings());
}

std::string case_name(const testing::TestParamInfo<std::size_t>& info) {
  const GoldenCase& golden = cases()[info.param];
  std::string name =
      std::to_string(info.param) + "_" + golden.kind + "_" + golden.vocab + "_" + golden.pre;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Recorded, Golden, testing::Range<std::size_t>(0, cases().size()),
                         case_name);

// Long texts answer repeated words from what stands in the output already; short ones don't. A
// token between two strings keeps them apart, so the whole is the sum of its parts.
TEST(LongText, IsTokenizedAsItsParts) {
  struct Case {
    const char* name;
    const char* separator;
    bool remembers;  // not without byte tokens, and little where pieces reach across words
  };
  const Case cases[] = {{"added", "<tool>", true},
                        {"spm-llama", "</s>", true},
                        {"spm-words", "<tool>", true},
                        {"spm-plain", "</s>", false},
                        {"spm-phrases", "</s>", false}};
  for (const auto& [name, separator, remembers] : cases) {
    const Tokenizer tokenizer =
        make_tokenizer(FixtureMetadata::load(golden_folder() + name + ".vocab"));
    const TokenizeOptions trusted{.parse_special = true};
    std::string whole;
    std::vector<TokenId> expected;
    for (const std::string& text : strings()) {
      whole.append(text).append(separator);
      const auto part = tokenizer.tokenize(text, trusted);
      expected.insert(expected.end(), part.begin(), part.end());
      expected.push_back(tokenizer.vocabulary().find(separator).value());
    }
    TokenizeStats stats;
    EXPECT_TRUE(tokenizer.tokenize(whole, {.parse_special = true, .stats = &stats}) == expected)
        << name;
    EXPECT_EQ(stats.cached_words > 1000, remembers) << name;
  }
}

// A row that shares neither stages nor flags with a recorded one would be a row that nothing
// checks.
TEST(PretokenizerTable, EveryRowIsCompared) {
  std::set<std::pair<const PretokenizerStage*, Normalization>> recorded;
  for (const GoldenCase& golden : cases()) {
    if (golden.kind != "ids" || golden.pre == "-") continue;
    const PretokenizerRow* row = find_pretokenizer(golden.pre);
    ASSERT_NE(row, nullptr) << golden.pre;
    recorded.emplace(row->stages.data(), row->normalization);
  }
  std::set<std::string_view> names;
  for (const PretokenizerRow& row : pretokenizer_rows()) {
    EXPECT_TRUE(recorded.contains({row.stages.data(), row.normalization})) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " twice";
  }
}

}  // namespace
}  // namespace sirocco
