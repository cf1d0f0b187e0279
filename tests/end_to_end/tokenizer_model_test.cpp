// The default model's own vocabulary against Hugging Face's tokenizers, over the recorded strings.
#include <gtest/gtest.h>

#include <cstdlib>

#include "sirocco/formats/checkpoint.hpp"
#include "sirocco/text/tokenizer_golden_testing.hpp"

namespace sirocco {
namespace {

TEST(DefaultModelTokenizer, AgreesWithTheReference) {
  const char* const path = std::getenv("SIROCCO_TEST_MODEL");
  ASSERT_NE(path, nullptr) << "SIROCCO_TEST_MODEL must name the default model";
  const Checkpoint checkpoint = open_checkpoint(path);
  const Tokenizer tokenizer = make_tokenizer(*checkpoint.metadata);
  const std::vector<std::string> strings = golden_strings();
  int compared = 0;
  for (const GoldenCase& golden : golden_cases()) {
    if (golden.vocab != "model") continue;
    expect_golden(golden, tokenizer, strings);
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

TEST(DefaultModelTokenizer, KnowsItsSpecialTokens) {
  const char* const path = std::getenv("SIROCCO_TEST_MODEL");
  ASSERT_NE(path, nullptr) << "SIROCCO_TEST_MODEL must name the default model";
  const Tokenizer tokenizer = make_tokenizer(*open_checkpoint(path).metadata);
  const TokenId start = tokenizer.vocabulary().find("<|im_start|>").value();
  const TokenId end = tokenizer.vocabulary().find("<|im_end|>").value();
  EXPECT_TRUE(tokenizer.special().ends_generation(end));
  EXPECT_FALSE(tokenizer.special().ends_generation(start));
  EXPECT_FALSE(tokenizer.special().add_bos);

  // Whatever a message says, it makes no control token.
  std::string message;
  for (std::size_t i = 0; i < tokenizer.vocabulary().size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    if (tokenizer.vocabulary().kind(id) != TokenKind::kControl) continue;
    message.append(tokenizer.vocabulary().text(id)).append(" and ");
  }
  const std::vector<TextSegment> prompt{
      {"<|im_start|>user\n", true}, {message, false}, {"<|im_end|>\n", true}};
  std::vector<TokenId> control;
  for (const TokenId id : tokenizer.tokenize(prompt)) {
    if (tokenizer.vocabulary().kind(id) == TokenKind::kControl) control.push_back(id);
  }
  EXPECT_EQ(control, (std::vector<TokenId>{start, end}));
  EXPECT_EQ(tokenizer.detokenize(tokenizer.tokenize(message)), message);
}

}  // namespace
}  // namespace sirocco
