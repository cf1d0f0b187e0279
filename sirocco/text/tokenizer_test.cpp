#include "sirocco/text/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/stages/pretokenizer.hpp"
#include "sirocco/text/vocabulary_testing.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using namespace vocabulary_testing;

TEST(ByteLevel, LowestRankFirstThenLeftmost) {
  Draft draft = all_bytes();
  const int bc = draft.merge("b", "c");
  const int ab = draft.merge("a", "b");
  const int aa = draft.merge("a", "a");
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("abc"), ids({'a', bc}));
  EXPECT_EQ(tokenizer.tokenize("ab"), ids({ab}));
  EXPECT_EQ(tokenizer.tokenize("aaa"), ids({aa, 'a'}));
}

TEST(ByteLevel, ScanAndHeapAgree) {
  Draft draft = all_bytes();
  std::mt19937 random(3);
  std::vector<std::string> parts{"a", "b", "c"};
  for (int i = 0; i < 60; ++i) {
    const std::string left = parts[random() % parts.size()];
    const std::string right = parts[random() % parts.size()];
    if (std::find(parts.begin(), parts.end(), left + right) != parts.end()) continue;
    draft.merge(left, right);
    parts.push_back(left + right);
  }
  const Tokenizer tokenizer = draft.byte_level();
  const auto rank = [&](const std::string& left, const std::string& right) {
    const auto at = std::find(draft.merges.begin(), draft.merges.end(), left + " " + right);
    return at - draft.merges.begin();
  };
  for (int round = 0; round < 300; ++round) {
    std::string text(1 + random() % 120, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 3);
    // The definition, slowly.
    std::vector<std::string> word;
    for (const char c : text) word.emplace_back(1, c);
    while (true) {
      auto best = static_cast<std::ptrdiff_t>(draft.merges.size());
      std::size_t where = 0;
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (rank(word[i], word[i + 1]) < best) {
          best = rank(word[i], word[i + 1]);
          where = i;
        }
      }
      if (best == static_cast<std::ptrdiff_t>(draft.merges.size())) break;
      word[where] += word[where + 1];
      word.erase(word.begin() + static_cast<std::ptrdiff_t>(where) + 1);
    }
    std::vector<std::string> got;
    for (const TokenId id : tokenizer.tokenize(text)) {
      got.emplace_back(tokenizer.vocabulary().text(id));
    }
    ASSERT_EQ(got, word) << text;
  }
}

TEST(ByteLevel, AnyBytesRoundTripWithEveryPretokenizer) {
  std::mt19937 random(5);
  std::vector<std::string> texts{
      "", "\xFF\xFE", "a\x80z", "\xE2\x82", "\xF0\x9F\x98\x80\xF0\x9F", std::string(3, '\0')};
  for (int i = 0; i < 200; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random() % 256);
    texts.push_back(text);
  }
  for (const PretokenizerRow& row : pretokenizer_rows()) {
    if (row.normalization != Normalization::kNone) continue;
    const Tokenizer tokenizer = all_bytes().byte_level(std::string(row.name));
    for (const std::string& text : texts) {
      ASSERT_EQ(tokenizer.detokenize(tokenizer.tokenize(text)), text) << row.name;
    }
  }
}

TEST(ByteLevel, IgnoreMergesTakesAWholeWordThatIsAToken) {
  Draft draft = all_bytes();
  const int word = draft.add("abc");
  EXPECT_EQ(draft.byte_level("llama-bpe").tokenize("abc"), ids({word}));
  EXPECT_EQ(draft.byte_level("gpt-2").tokenize("abc"), ids({'a', 'b', 'c'}));
}

TEST(ByteLevel, TextNeverBecomesAControlToken) {
  Draft draft = all_bytes();
  draft.merges.push_back("a b");
  draft.add("ab", kControl);
  draft.add("cd", kControl);
  EXPECT_EQ(draft.byte_level("llama-bpe").tokenize("ab cd"), ids({'a', 'b', ' ', 'c', 'd'}));
}

TEST(ByteLevel, UserDefinedTokensAreWrittenAsTheyAre) {
  Draft draft = all_bytes();
  draft.merges.push_back(spelled("\xFF") + " " + spelled("\xFF"));
  const int added = draft.add(spelled("\xFF\xFF"), kUserDefined);
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("\xFF\xFF"), ids({0xFF, 0xFF}));
  EXPECT_EQ(tokenizer.tokenize("ÿÿ"), ids({added}));
  EXPECT_EQ(tokenizer.detokenize(ids({added})), "ÿÿ");
}

TEST(ByteLevel, UnknownBytesBecomeTheUnknownTokenOrNothing) {
  Draft draft;
  draft.add("a");
  draft.add("<unk>", kUnknown);
  EXPECT_EQ(draft.byte_level().tokenize("ab"), ids({0}));
  draft.metadata.set("tokenizer.ggml.unknown_token_id", std::int64_t{1});
  EXPECT_EQ(draft.byte_level().tokenize("ab"), ids({0, 1}));
}

TEST(Special, BosAndEosAsTheModelSays) {
  Draft draft = all_bytes();
  const int bos = draft.add("<bos>", kControl);
  const int eos = draft.add("<fin>", kControl);
  draft.metadata.set("tokenizer.ggml.bos_token_id", std::int64_t{bos});
  draft.metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{eos});
  EXPECT_EQ(draft.byte_level().tokenize("a", {.add_special = true}), ids({'a'}));
  EXPECT_EQ(draft.byte_level("llama-bpe").tokenize("a", {.add_special = true}), ids({bos, 'a'}));
  draft.metadata.set("tokenizer.ggml.add_bos_token", true);
  draft.metadata.set("tokenizer.ggml.add_eos_token", true);
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("a", {.add_special = true}), ids({bos, 'a', eos}));
  EXPECT_EQ(tokenizer.tokenize("a"), ids({'a'}));
  EXPECT_EQ(tokenizer.tokenize("<bos>", {.parse_special = true}), ids({bos}));
  EXPECT_EQ(tokenizer.tokenize("<bos>").size(), 5U);
}

TEST(Special, EndOfGenerationByNameAndById) {
  Draft draft = all_bytes();
  const int end = draft.add("<|im_end|>", kUserDefined);  // mislabelled, as in some files
  const int eos = draft.add("<fin>", kControl);
  draft.add("</s>");  // a word of a vocabulary, not the end of a text
  draft.metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{eos});
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_THAT(tokenizer.special().end_of_generation, ElementsAre(TokenId(end), TokenId(eos)));
  EXPECT_TRUE(tokenizer.special().ends_generation(TokenId(eos)));
  EXPECT_FALSE(tokenizer.special().ends_generation(TokenId(0)));
  EXPECT_EQ(tokenizer.special().eot, TokenId(end));
  EXPECT_EQ(tokenizer.tokenize("<|im_end|>").size(), 10U) << "text made a control token";
}

TEST(Special, HarmonyEndsMessagesWithoutEndingTheAnswer) {
  Draft draft = all_bytes();
  const int end = draft.add("<|end|>", kControl);
  EXPECT_TRUE(draft.byte_level().special().ends_generation(TokenId(end)));
  draft.add("<|return|>", kControl);
  draft.add("<|call|>", kControl);
  EXPECT_FALSE(draft.byte_level().special().ends_generation(TokenId(end)));
}

TEST(Infill, IsFoundByNamesOfOneFamily) {
  Draft draft = all_bytes();
  draft.add("<|fim_prefix|>", kUserDefined);
  draft.add("<|fim_suffix|>", kUserDefined);
  EXPECT_FALSE(tokenize_infill(draft.byte_level(), "a", "b"));
  draft.add("<fim_middle>", kUserDefined);
  EXPECT_FALSE(draft.byte_level().special().infill()) << "of another family";
  const int prefix = draft.add("<fim_prefix>", kUserDefined);
  const int suffix = draft.add("<fim_suffix>", kControl);
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenize_infill(tokenizer, "ab", "c"),
            ids({prefix, 'a', 'b', suffix, 'c', prefix - 1}));
  EXPECT_EQ(tokenize_infill(tokenizer, "", ""), ids({prefix, suffix, prefix - 1}));
  // Who writes the marks by hand has them as before.
  EXPECT_EQ(tokenizer.tokenize("<fim_prefix>a"), ids({prefix, 'a'}));
  EXPECT_EQ(tokenizer.tokenize("<fim_suffix>").size(), 12U);
}

TEST(Infill, IsWhatTheFileSays) {
  Draft draft = all_bytes();
  for (const char* name : {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"}) draft.add(name);
  const int before = draft.add("<before>");
  const int bos = draft.add("<s>", kControl);
  draft.metadata.set("tokenizer.ggml.fim_pre_token_id", std::int64_t{before});
  draft.metadata.set("tokenizer.ggml.suffix_token_id", std::int64_t{'S'});
  draft.metadata.set("tokenizer.ggml.bos_token_id", std::int64_t{bos});
  draft.metadata.set("tokenizer.ggml.add_bos_token", true);
  EXPECT_EQ(tokenize_infill(draft.byte_level(), "a", "b"),
            ids({bos, before, 'a', 'S', 'b', before - 1}));
  draft.metadata.set("tokenizer.ggml.fim_suf_token_id", std::int64_t{'F'});
  EXPECT_EQ(tokenize_infill(draft.byte_level(), "", ""), ids({bos, before, 'F', before - 1}));
}

TEST(Provenance, ControlTokensNeedTrustedTextThroughout) {
  Draft draft = all_bytes();
  const int start = draft.add("<|s|>", kControl);
  const int user = draft.add("<u>", kUserDefined);
  const Tokenizer tokenizer = draft.byte_level();
  const auto encode = [&](std::vector<TextSegment> segments) {
    return tokenizer.tokenize(segments);
  };
  EXPECT_EQ(encode({{"<|s|>", true}, {"x", false}}), ids({start, 'x'}));
  EXPECT_EQ(encode({{"<|s|>", false}}), ids({'<', '|', 's', '|', '>'}));
  EXPECT_EQ(encode({{"<|", true}, {"s", false}, {"|>", true}}), ids({'<', '|', 's', '|', '>'}));
  EXPECT_EQ(encode({{"<|s", true}, {"|>", false}}), ids({'<', '|', 's', '|', '>'}));
  EXPECT_EQ(encode({{"<|s", true}, {"", false}, {"|>", true}}), ids({start}));
  EXPECT_EQ(encode({{"<u>", false}, {"<", true}, {"u>", false}}), ids({user, user}));
}

TEST(Provenance, OrdinaryTextIsCutAsIfThereWereNoSegments) {
  Draft draft = all_bytes();
  const int hello = draft.merge("h", "e");
  const Tokenizer tokenizer = draft.byte_level();
  const std::vector<TextSegment> segments{{"x h", true}, {"e y", false}};
  EXPECT_EQ(tokenizer.tokenize(segments), tokenizer.tokenize("x he y"));
  EXPECT_THAT(tokenizer.tokenize(segments), testing::Contains(TokenId(hello)));
}

TEST(AddedTokens, LeftmostThenLongest) {
  Draft draft = all_bytes();
  const int ab = draft.add("ab", kUserDefined);
  const int abcd = draft.add("abcd", kUserDefined);
  const int bc = draft.add("bc", kUserDefined);
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("abcd"), ids({abcd}));
  EXPECT_EQ(tokenizer.tokenize("abc"), ids({ab, 'c'}));
  EXPECT_EQ(tokenizer.tokenize("xbcab"), ids({'x', bc, ab}));
}

TEST(SentencePiece, SpacePrefixAtTheStartAndAfterControlTokens) {
  Draft draft = sentencepiece_base();
  const int a = draft.add("▁a", kNormal, -1);
  const int mark = draft.add("▁", kNormal, -9);
  const int bare = draft.add("a", kNormal, -9);
  const Tokenizer tokenizer = draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("a", {.add_special = true}), ids({1, a}));
  EXPECT_EQ(tokenizer.tokenize("a</s>a", {.parse_special = true}), ids({a, 2, a}));
  EXPECT_EQ(tokenizer.tokenize(" a"), ids({mark, a}));
  EXPECT_TRUE(tokenizer.tokenize("").empty());
  EXPECT_EQ(tokenizer.detokenize(ids({1, a, a})), "a a");
  draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer plain = draft.sentencepiece();
  EXPECT_EQ(plain.tokenize("a a"), ids({bare, a}));
  EXPECT_EQ(plain.detokenize(ids({a})), " a");
}

TEST(SentencePiece, BrokenBytesFallBackToByteTokens) {
  Draft draft = sentencepiece_base();
  draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer tokenizer = draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("\xFF"), ids({3 + 0xFF}));
  EXPECT_EQ(tokenizer.detokenize(tokenizer.tokenize("a\xFF\xE2\x82z")), "a\xFF\xE2\x82z");
}

TEST(Streaming, NeverHalfACharacter) {
  Draft draft = all_bytes();
  const int control = draft.add("<|s|>", kControl);
  const Tokenizer tokenizer = draft.byte_level();
  StreamingDetokenizer stream(tokenizer);
  EXPECT_EQ(stream.push(TokenId(0xF0)), "");
  EXPECT_EQ(stream.push(TokenId(control)), "");
  EXPECT_EQ(stream.push(TokenId(0x9F)), "");
  EXPECT_EQ(stream.push(TokenId(0x98)), "");
  EXPECT_EQ(stream.push(TokenId(0x80)), "😀");
  EXPECT_EQ(stream.push(TokenId(0xE2)), "");
  EXPECT_EQ(stream.push(TokenId('a')),
            "\uFFFD"
            "a");
  EXPECT_EQ(stream.push(TokenId(0xFF)), "\uFFFD");
  EXPECT_EQ(stream.push(TokenId(0xC3)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
  StreamingDetokenizer all(tokenizer, {.show_control = true});
  EXPECT_EQ(all.push(TokenId(control)), "<|s|>");
}

TEST(Streaming, ContinuedTextKeepsItsSpace) {
  Draft draft = sentencepiece_base();
  const TokenId a(draft.add("▁a"));
  const Tokenizer tokenizer = draft.sentencepiece();
  StreamingDetokenizer start(tokenizer);
  EXPECT_EQ(start.push(a), "a");
  EXPECT_EQ(start.push(a), " a");
  StreamingDetokenizer middle(tokenizer, {.at_start = false});
  EXPECT_EQ(middle.push(a), " a");
}

// Long runs must cost a number of steps in proportion to them (the heap's logarithm is not
// counted), and no pattern may run out of steps.
Draft runs_vocabulary() {
  Draft draft = all_bytes();
  for (const char* unit : {"a", " ", "\n", "7", "!"}) {
    std::string run = unit;
    for (int doubling = 0; doubling < 5; ++doubling) {
      draft.merge(run, run);
      run += run;
    }
  }
  draft.merge("\xF0", "\x9F");
  draft.merge("\x98", "\x80");
  draft.merge("\xF0\x9F", "\x98\x80");
  return draft;
}

void expect_bounded_steps(const Tokenizer& tokenizer, const std::string& unit, std::size_t bytes,
                          bool keeps_bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  for (const char* end : {"", " x"}) {
    SCOPED_TRACE(sirocco::quoted(unit) + " to " + sirocco::quoted(end));
    const std::string input = text + end;
    TokenizeStats stats;
    const auto tokens = tokenizer.tokenize(input, {.stats = &stats});
    EXPECT_LE(stats.merge_steps, 6 * input.size());
    EXPECT_LE(stats.pattern_matches, 8 * input.size());
    EXPECT_LE(stats.pattern_retries, 24U);
    EXPECT_EQ(stats.pattern_cuts, 0U);
    EXPECT_TRUE(!keeps_bytes || tokenizer.detokenize(tokens) == input);
  }
}

// Steps are counted in the release build; what a sanitizer could see, it sees in a sixteenth.
constexpr std::size_t kMebibyte = std::size_t{1} << (kSanitized ? 16U : 20U);

TEST(OneMebibyte, BoundedSteps) {
  for (const char* pre : {"smollm", "llama-bpe", "gpt-4o"}) {
    SCOPED_TRACE(pre);
    const Tokenizer tokenizer = runs_vocabulary().byte_level(pre);
    for (const char* unit : {"a", " ", "😀", "\n"}) {
      expect_bounded_steps(tokenizer, unit, kMebibyte, true);
    }
  }
}

TEST(LongRuns, BoundedStepsWithEveryPattern) {
  const std::vector<std::string> risky{" ", "\t ", " \n", "7", "A", "\u0301", "a "};
  const std::vector<std::string> others{"a",   "\n",   "\r\n", "!",       "😀", "é",           "中",
                                        "  a", "\xFF", "'s",   "e\u0301", "1a", "\u0323\u0301"};
  std::set<std::pair<const PretokenizerStage*, Normalization>> seen;
  for (const PretokenizerRow& row : pretokenizer_rows()) {
    if (!seen.emplace(row.stages.data(), row.normalization).second) continue;
    SCOPED_TRACE(row.name);
    const bool keeps_bytes = row.normalization == Normalization::kNone;
    const Tokenizer tokenizer = runs_vocabulary().byte_level(std::string(row.name));
    for (const auto& unit : risky)
      expect_bounded_steps(tokenizer, unit, kMebibyte / 4, keeps_bytes);
    for (const auto& unit : others)
      expect_bounded_steps(tokenizer, unit, kMebibyte / 64, keeps_bytes);
  }
}

TEST(OneMebibyte, SentencePieceToo) {
  Draft draft = sentencepiece_base();
  for (const char* unit : {"a", "▁", "😀"}) {
    std::string run = unit;
    for (int doubling = 0; doubling < 5; ++doubling) {
      draft.add(run, doubling % 2 == 0 ? kNormal : kUnused, -static_cast<double>(run.size()));
      run += run;
    }
  }
  draft.add("  ", kUserDefined);
  // With a prefix, text behind a user-defined token would come back with a space more.
  draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer tokenizer = draft.sentencepiece();
  for (const std::string unit : {"a", " ", "😀", "\xFF", " a"}) {
    std::string text;
    while (text.size() < kMebibyte) text += unit;
    TokenizeStats stats;
    const auto tokens = tokenizer.tokenize(text, {.stats = &stats});
    EXPECT_LE(stats.merge_steps, 6 * text.size()) << sirocco::quoted(unit);
    EXPECT_EQ(tokenizer.detokenize(tokens), text) << sirocco::quoted(unit);
  }
}

TEST(Hostile, PatternsThatBacktrackAreCutShort) {
  const SplitPattern pattern("(a|aa)+[bc]");
  const std::string text(5000, 'a');
  TokenizeStats stats;
  SplitRun run(text.size(), stats);
  std::string joined;
  pattern.split(text, run, [&](std::string_view piece, bool) { joined += piece; });
  EXPECT_EQ(joined, text);
  EXPECT_GT(stats.pattern_cuts, 0U);
  EXPECT_LT(stats.pattern_retries, 64U);
}

// What a broken vocabulary is refused with.
template <class Error, class Build>
void expect_refused(Draft draft, Build&& build, const std::string& message) {
  EXPECT_THAT([&] { build(draft); }, ThrowsMessage<Error>(HasSubstr(message)));
}

TEST(Validation, Vocabulary) {
  const auto build = [](Draft& draft) { draft.byte_level(); };
  Draft draft = all_bytes();
  expect_refused<FormatError>(Draft{}, build, "the vocabulary holds no tokens");
  {
    Draft bad = draft;
    bad.add("a");
    expect_refused<FormatError>(bad, build, "tokens 97 and 256 are both 'a'");
  }
  {
    Draft bad = draft;
    bad.add("x7", 7);
    expect_refused<FormatError>(bad, build, "token 256 is of type 7");
  }
  {
    Draft bad;
    bad.add("中");
    expect_refused<FormatError>(bad, build, "no token spells a single byte");
  }
  {
    Draft bad = draft;
    bad.add(std::string(2000, 'x'), kUserDefined);
    expect_refused<FormatError>(bad, build, "2000 bytes of at most 1024");
  }
  // Padding is what real files repeat or leave empty.
  draft.add("[PAD]", kUnused);
  draft.add("[PAD]", kUnused);
  draft.add("", kUnused);
  draft.add("last");
  draft.add("");
  EXPECT_EQ(draft.byte_level().tokenize("a"), ids({'a'}));
}

TEST(Validation, Merges) {
  const auto build = [](Draft& draft) { draft.byte_level(); };
  for (const char* merge : {"ab", "a ", "", "a"}) {
    Draft bad = all_bytes();
    bad.merges.emplace_back(merge);
    expect_refused<FormatError>(bad, build, "expected two tokens with a space between");
  }
  Draft bad = all_bytes();
  bad.merges.emplace_back("a b");
  expect_refused<FormatError>(bad, build,
                              "needs the token 'ab', which the vocabulary doesn't hold");
}

TEST(Validation, Ids) {
  Draft none = all_bytes();
  none.metadata.set("tokenizer.ggml.padding_token_id", std::int64_t{0xFFFFFFFF});
  EXPECT_FALSE(none.byte_level().special().padding.has_value());
}

TEST(Validation, KeysAndNames) {
  Draft draft = all_bytes();
  expect_refused<UnsupportedError>(
      draft, [](Draft& d) { d.byte_level("no-such"); }, "known are default, llama-bpe");
  draft.byte_level();
  const auto refuse = [&](const std::string& key, MetadataValue value, const std::string& message) {
    FixtureMetadata metadata = draft.metadata;
    metadata.set(key, std::move(value));
    EXPECT_THAT([&] { make_tokenizer(metadata); }, ThrowsMessage<FormatError>(HasSubstr(message)));
  };
  refuse("tokenizer.ggml.tokens", std::int64_t{3}, "is of type integer");
  refuse("tokenizer.ggml.token_type", std::vector<std::int64_t>{1}, "1 values for 256 tokens");
  refuse("tokenizer.ggml.scores", std::vector<double>{1}, "1 values for 256 tokens");
  refuse("tokenizer.ggml.scores",
         std::vector<double>(256, std::numeric_limits<double>::quiet_NaN()), "is not a number");
  FixtureMetadata metadata = draft.metadata;
  metadata.set_text("tokenizer.ggml.model", "rwkv");
  EXPECT_THAT([&] { make_tokenizer(metadata); },
              ThrowsMessage<UnsupportedError>(HasSubstr("known are gpt2, llama")));
  for (const char* key :
       {"tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"}) {
    metadata = draft.metadata;
    metadata.erase(key);
    EXPECT_THAT([&] { make_tokenizer(metadata); }, ThrowsMessage<FormatError>(HasSubstr(key)));
  }
}

TEST(Validation, SentencePiece) {
  const auto build = [](Draft& draft) { draft.sentencepiece(); };
  Draft bad = sentencepiece_base();
  bad.add("<0xZZ>", kByte);
  expect_refused<FormatError>(bad, build, "not of the form <0xNN>");
  bad = sentencepiece_base();
  bad.add("<0x0a>", kByte);
  expect_refused<FormatError>(bad, build, "both stand for byte 0x0A");
  bad = Draft{};
  bad.add("a");
  expect_refused<FormatError>(bad, build, "neither a token for each byte nor an unknown token");
}

// <s> is the id 1.
TEST(Prompt, BeginsWithOneBos) {
  Draft draft = sentencepiece_base();
  const int a = draft.add("a");
  draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  const auto tokens = [&](std::vector<TextSegment> segments) {
    return tokenize_prompt(draft.sentencepiece(), segments);
  };
  EXPECT_EQ(tokens({{"a", false}}), ids({1, a}));
  EXPECT_EQ(tokens({{"<s>", true}, {"a", false}}), ids({1, a}));
  EXPECT_EQ(tokens({{"<s>a", false}}).front(), TokenId(1));
  EXPECT_GT(tokens({{"<s>a", false}}).size(), 3U);
  EXPECT_EQ(tokens({}), ids({1}));
  draft.metadata.set("tokenizer.ggml.add_bos_token", false);
  EXPECT_EQ(tokens({{"a", false}}), ids({a}));
  EXPECT_EQ(tokens({}), ids({}));
}

}  // namespace
}  // namespace sirocco
