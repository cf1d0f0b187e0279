#include "sirocco/text/fixed_length.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// Letters a to d are 0 to 3; 4 begins a text, 5 ends it, 6 is padding.
Tokenizer letters(const std::string& config = R"({"pad_token": "<p>"})") {
  return make_tokenizer(MemoryFiles(
      {{"tokenizer.json",
        R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "<s>": 4, "</s>": 5,
             "<p>": 6}, "merges": []},
            "added_tokens": [{"id": 4, "content": "<s>", "special": true},
                             {"id": 5, "content": "</s>", "special": true},
                             {"id": 6, "content": "<p>", "special": true}],
            "post_processor": {"type": "TemplateProcessing",
              "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                         {"Sequence": {"id": "A", "type_id": 0}},
                         {"SpecialToken": {"id": "</s>", "type_id": 0}}],
              "pair": [],
              "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]},
                                 "</s>": {"id": "</s>", "ids": [5], "tokens": ["</s>"]}}}})"},
       {"tokenizer_config.json", config}}));
}

std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

TEST(FixedLengthTokenizer, CutsTheTextAndKeepsWhatStandsAroundIt) {
  const Tokenizer tokenizer = letters();
  const FixedLengthTokenizer five(tokenizer, 5);
  EXPECT_EQ(five.tokenize("").tokens, ids({4, 5, 6, 6, 6}));
  EXPECT_EQ(five.tokenize("ab").tokens, ids({4, 0, 1, 5, 6}));
  EXPECT_EQ(five.tokenize("abc").tokens, ids({4, 0, 1, 2, 5}));
  EXPECT_EQ(five.tokenize("abc").left_out, ids({}));
  const FixedLengthTokens cut = five.tokenize("abcdda");
  EXPECT_EQ(cut.tokens, ids({4, 0, 1, 2, 5}));
  EXPECT_EQ(cut.left_out, ids({3, 3, 0}));
  // Special tokens that it spells are of the text.
  EXPECT_EQ(five.tokenize("a</s>b<p>").tokens, ids({4, 0, 5, 1, 5}));
  EXPECT_EQ(FixedLengthTokenizer(tokenizer, 2).tokenize("ab").tokens, ids({4, 5}));
}

TEST(FixedLengthTokenizer, NeedsRoomAndPadding) {
  const Tokenizer tokenizer = letters();
  for (const std::int32_t length : {1, 0, -3}) {
    EXPECT_THAT([&] { FixedLengthTokenizer(tokenizer, length); },
                ThrowsMessage<InvalidArgument>(HasSubstr("2 of them stand around")));
  }
  const Tokenizer without = letters("{}");
  EXPECT_THAT([&] { FixedLengthTokenizer(without, 5); },
              ThrowsMessage<UnsupportedError>(HasSubstr("pad_token")));
}

class SaidLength final : public Metadata {
 public:
  explicit SaidLength(MetadataValue value) : value_(std::move(value)) {}
  const MetadataValue* find(std::string_view path) const override {
    return path == "tokenizer_config.model_max_length" ? &value_ : nullptr;
  }
  std::vector<std::string_view> paths() const override { return {}; }
  std::string_view origin() const override { return "folder"; }

 private:
  MetadataValue value_;
};

TEST(ModelMaxLength, IsANumberOfTokensOrUnknown) {
  EXPECT_EQ(model_max_length(SaidLength(std::int64_t{77})), 77);
  EXPECT_EQ(model_max_length(SaidLength(1e30)), std::nullopt);
  EXPECT_EQ(model_max_length(SaidLength(std::int64_t{1} << 40)), std::nullopt);
  EXPECT_THROW(model_max_length(SaidLength(std::int64_t{0})), FormatError);
  EXPECT_THROW(model_max_length(SaidLength(std::int64_t{-77})), FormatError);
  EXPECT_THROW(model_max_length(SaidLength(std::string_view("77"))), FormatError);
  EXPECT_THROW(model_max_length(SaidLength(std::nan(""))), FormatError);
}

}  // namespace
}  // namespace sirocco
