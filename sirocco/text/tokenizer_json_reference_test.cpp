// Corners of tokenizer.json, each with what tokenizers 0.23.3 gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/later_characters.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_golden_testing.hpp"
#include "sirocco/text/utf8.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

Tokenizer parsed(const std::string& model, const std::string& more) {
  const std::string json = R"({"version": "1.0", "model": )" + model + more + "}";
  return make_tokenizer(MemoryFiles({{"tokenizer.json", json}}));
}

const char* const kLetters =
    R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "<s>": 4, "</s>": 5},
        "merges": [["a", "b"]]})";

TEST(TokenizerJsonReference, BlanksThatTwoAddedTokensWant) {
  const Tokenizer tokenizer = parsed(kLetters, R"(, "added_tokens": [
      {"id": 6, "content": "<t>", "rstrip": true, "normalized": false},
      {"id": 7, "content": " ", "lstrip": true, "normalized": false},
      {"id": 8, "content": "\n", "normalized": false}])");
  EXPECT_EQ(tokenizer.tokenize("a<t> b"), ids({0, 6, 1}));
  EXPECT_EQ(tokenizer.tokenize("a<t>\n b"), ids({0, 6, 8, 7, 1}));
  EXPECT_EQ(tokenizer.tokenize("a  <t>a"), ids({0, 7, 7, 6, 0}));
  EXPECT_EQ(tokenizer.tokenize("a \n b"), ids({0, 7, 8, 7, 1}));
  // Here the reference panics.
  EXPECT_EQ(tokenizer.tokenize("a<t>   b"), ids({0, 6, 1}));
}

TEST(TokenizerJsonReference, ARunOfBytesIsOneToken) {
  const auto decoded = [](const std::string& next, std::initializer_list<int> tokens) {
    const Tokenizer tokenizer = parsed(R"({"type": "BPE", "vocab": {"a": 0, "<0xE2>": 1,
        "<0x96>": 2, "<0x81>": 3, "<0x41>": 4}, "merges": []})",
                                       R"(, "decoder": {"type": "Sequence", "decoders": [
        {"type": "ByteFallback"}, {)" + next +
                                           "}]}");
    const std::string text = streamed(tokenizer, ids(tokens));
    EXPECT_EQ(tokenizer.detokenize(ids(tokens)), text);
    return text;
  };
  const std::string words = R"("type": "WordPiece", "prefix": "##", "cleanup": false)";
  EXPECT_EQ(decoded(words, {0, 4, 4, 0}), "a AA a");
  EXPECT_EQ(decoded(words, {0, 1, 2, 3, 0}), "a \u2581 a");
  EXPECT_EQ(decoded(words, {0, 1, 2}), "a \uFFFD \uFFFD");
  EXPECT_EQ(decoded(words, {4, 1, 0}), "\uFFFD \uFFFD a");
  const std::string marks =
      R"("type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true)";
  EXPECT_EQ(decoded(marks, {0, 1, 2, 3, 0}), "a a");
  EXPECT_EQ(decoded(marks, {1, 2, 3}), "");
  EXPECT_EQ(decoded(R"("type": "Strip", "content": "A", "start": 1, "stop": 0)", {0, 4, 4, 0}),
            "aAa");
  EXPECT_EQ(decoded(R"("type": "Fuse")", {0, 1, 2, 3, 0}), "a\u2581a");
}

TEST(TokenizerJsonReference, AnAddedTokenIsDecodedAsItWasNormalized) {
  const Tokenizer tokenizer =
      parsed(R"({"type": "BPE", "vocab": {"a": 0, "Ġ": 1, "e": 2}, "merges": []})",
             R"(, "added_tokens": [{"id": 3, "content": "née", "normalized": true},
          {"id": 4, "content": "née!", "normalized": false},
          {"id": 5, "content": "É", "normalized": true, "special": true}],
      "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"},
          {"type": "ByteLevel"}]},
      "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})");
  EXPECT_EQ(tokenizer.tokenize("a NÉE aÉ", {.parse_special = true}), ids({0, 1, 3, 1, 0, 5}));
  EXPECT_EQ(tokenizer.detokenize(ids({0, 3, 0})), "anéea");
  EXPECT_EQ(streamed(tokenizer, ids({4})), "n\uFFFDe!");
  EXPECT_EQ(tokenizer.detokenize(ids({5, 0}), {.show_control = true}), "éa");
  // The reference knows special tokens by their text, and takes this one for another.
  EXPECT_EQ(tokenizer.detokenize(ids({5, 0})), "a");
}

TEST(TokenizerJsonReference, ScoresAreRoundedAsTheReferenceReadsThem) {
  // Read exactly, twice the first is more than the second.
  const Tokenizer tokenizer = parsed(R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0],
      ["a", -7.3159417452683355], ["aa", -14.631883490536673]]})",
                                     "");
  EXPECT_EQ(tokenizer.tokenize("aa"), ids({2}));
}

TEST(TokenizerJsonReference, AddedTokensAreNoByteTokens) {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != 'A')
      vocab += fmt::format("{}\"<0x{:02X}>\": {}", byte == 0 ? "" : ", ", byte, byte);
  }
  const std::string added = R"(, "added_tokens": [{"id": 65, "content": "<0x41>"}])";
  const Tokenizer bpe = parsed(
      R"({"type": "BPE", "byte_fallback": true, "merges": [], "vocab": {)" + vocab + "}}", added);
  EXPECT_EQ(bpe.tokenize("BA<0x41>"), ids({66, 65}));
}

TEST(TokenizerJsonReference, WhatIsRefused) {
  const auto refused = [](const std::string& part, const std::string& message) {
    EXPECT_THAT([&] { parsed(kLetters, part); },
                ThrowsMessage<UnsupportedError>(HasSubstr(message)))
        << part;
  };
  const std::string around = R"({"type": "TemplateProcessing", "pair": [], "special_tokens":
      {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}},
      "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]})";
  const std::string bert = R"({"type": "BertProcessing", "sep": ["</s>", 5], "cls": ["<s>", 4]})";
  const auto processors = [](const std::string& list) {
    return R"(, "post_processor": {"type": "Sequence", "processors": [)" + list + "]}";
  };
  refused(processors(around + ", " + bert),
          "post_processor.processors[1]: BertProcessing behind a TemplateProcessing");
  refused(processors(processors(around).substr(20) + ", " + around),
          "TemplateProcessing behind a TemplateProcessing");
  EXPECT_EQ(parsed(kLetters, processors(bert + ", " + around + R"(, {"type": "ByteLevel"})"))
                .tokenize("ab", {.add_special = true}),
            ids({4, 4, 3, 5}));
  refused(R"(, "normalizer": {"type": "Prepend", "prepend": ""})",
          "normalizer.prepend: an empty text isn't supported");
  refused(R"(, "added_tokens": [{"id": 6, "content": " ", "normalized": true}],
              "normalizer": {"type": "Strip", "strip_left": true, "strip_right": true})",
          "the normalizer leaves nothing of the added token ' '");
  const auto pattern = [](const std::string& regex) {
    return R"(, "pre_tokenizer": {"type": "Split", "behavior": "Isolated", "invert": false,
              "pattern": {"Regex": ")" +
           regex + "\"}}";
  };
  refused(pattern(R"(\\X)"), "an unknown escape");
  refused(pattern("[a\u0897]"), "a character newer than Unicode 14");
}

TEST(LaterCharacters, StandForThemselvesUnlessTheTablesAreOld) {
  std::size_t others = 0;
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const char32_t other = stand_in(c);
    if (other == c) continue;
    ++others;
    ASSERT_EQ(stand_in(other), other);
    std::string text = "a";
    append_utf8(text, c);
    std::string expected = "a";
    append_utf8(expected, other);
    std::string storage;
    ASSERT_EQ(with_stand_ins(text + "b", storage), expected + "b");
    ASSERT_EQ(text.size(), expected.size());
  }
  EXPECT_EQ(others, 10302U);
  EXPECT_EQ(stand_in(0x10D50), char32_t{0x10CB2});
}

// Every character by itself, as tools/make_character_golden.py recorded it. The release build
// compares all blocks; a sanitizer, which sees the same code in each, an eighth of them.
constexpr std::size_t kStride = kSanitized ? 8 : 1;
constexpr char32_t kBlock = 2048;
constexpr char32_t kText = 64;

bool is_uniform(char32_t c) {
  return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xE000 && c <= 0xF8FF) || (c >= 0x17000 && c <= 0x187F7) ||
         (c >= 0x20000 && c <= 0x2A6DF);
}

// For every block its texts.
std::vector<std::vector<std::string>> blocks(bool among_marks) {
  std::map<char32_t, std::map<char32_t, std::string>> texts;
  const auto line = [&](char32_t c) {
    if ((c >= 0xD800 && c <= 0xDFFF) || (c % 61 != 0 && is_uniform(c))) return;
    std::string text;
    append_utf8(text, c);
    texts[c / kBlock][c / kText] +=
        among_marks ? "A" + text + "\u0345" + text + "\u05B0 " + text + "\u0301\n"
                    : "x" + text + "y " + text + text + "1\n";
  };
  for (char32_t c = 1; c < 0x32400; ++c) line(c);
  for (char32_t c = 0xE0000; c < 0xE0200; ++c) line(c);
  std::vector<std::vector<std::string>> all;
  for (auto& [number, block] : texts) {
    all.emplace_back();
    for (auto& [at, text] : block) all.back().push_back(std::move(text));
  }
  return all;
}

TEST(CharacterGolden, EveryComponentTreatsEveryCharacterAsTheReference) {
  std::istringstream lines(read_file(golden_folder("tokenizer_json") + "characters.tsv"));
  const std::string bytes = read_file(golden_folder("tokenizer_json") + "characters.bin");
  FixtureReader reader(bytes);
  const auto alone = blocks(false);
  const auto among_marks = blocks(true);
  std::string name;
  std::string context;
  std::size_t count = 0;
  std::size_t files = 0;
  while (lines >> name >> context >> count) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = golden_tokenizer("characters-" + name + ".json");
    const auto& texts = context == "among_marks" ? among_marks : alone;
    ASSERT_EQ(texts.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto expected = reader.number<std::uint32_t>();
      if ((i + files) % kStride != 0) continue;
      std::vector<TokenId> all;
      for (const std::string& text : texts[i]) {
        const std::vector<TokenId> tokens = tokenizer.tokenize(text);
        all.insert(all.end(), tokens.begin(), tokens.end());
      }
      EXPECT_EQ(golden_hash(all), expected)
          << "block " << i << ", from " << quoted(texts[i].front().substr(0, 40));
    }
    ++files;
  }
  EXPECT_GT(files, 25U);
  EXPECT_TRUE(reader.done());
}

}  // namespace
}  // namespace sirocco
