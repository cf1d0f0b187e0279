#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/chat_format.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

Tokenizer parsed(const std::string& tokenizer, const std::string& config = "",
                 const std::string& generation = "") {
  return make_tokenizer(MemoryFiles({{"tokenizer.json", tokenizer},
                                     {"tokenizer_config.json", config},
                                     {"generation_config.json", generation}}));
}

// A file of the parts given; `more` begins with a comma, if it isn't empty.
std::string file(const std::string& model, const std::string& more = "") {
  return R"({"version": "1.0", "model": )" + model + more + "}";
}

const char* const kLetters =
    R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "<s>": 4, "</s>": 5},
        "merges": [["a", "b"]]})";

template <class Error>
void expect_refused(const std::string& json, const std::string& message) {
  SCOPED_TRACE(json.substr(0, 300));
  EXPECT_THAT([&] { parsed(json); }, ThrowsMessage<Error>(HasSubstr(message)));
}

TEST(TokenizerJson, WhatIsNoTokenizer) {
  expect_refused<FormatError>("", "not JSON");
  expect_refused<FormatError>("{", "not JSON");
  expect_refused<FormatError>("\xFF", "not JSON");
  expect_refused<FormatError>(R"({"model": "\ud800"})", "not JSON");
  expect_refused<FormatError>("[]", "found an array, expected an object");
  expect_refused<FormatError>("{}", "'model' is missing");
  expect_refused<FormatError>(R"({"model": 3})", "model: found a number, expected an object");
  expect_refused<FormatError>(file(R"({"type": "BPE"})"), "model: 'vocab' is missing");
  expect_refused<FormatError>(file(R"({"type": "BPE", "vocab": {}, "merges": []})"),
                              "the vocabulary holds no tokens");
  expect_refused<FormatError>(R"({"model": )" + std::string(70, '[') + std::string(70, ']') + "}",
                              "values within values, 64 deep");
  expect_refused<UnsupportedError>(file(R"({"type": "WordLevel", "vocab": {"a": 0}})"),
                                   "model.type: the model 'WordLevel' isn't supported");
}

TEST(TokenizerJson, Vocabularies) {
  const auto bpe = [](const std::string& vocab, const std::string& merges = "[]") {
    return file(R"({"type": "BPE", "vocab": )" + vocab + R"(, "merges": )" + merges + "}");
  };
  expect_refused<FormatError>(bpe("[]"), "model.vocab: found an array, expected an object");
  expect_refused<FormatError>(bpe(R"({"a": -1})"), "the id of 'a' is no number");
  expect_refused<FormatError>(bpe(R"({"a": 4294967296})"), "the id of 'a' is no number");
  expect_refused<FormatError>(bpe(R"({"a": "0"})"), "the id of 'a' is no number");
  expect_refused<FormatError>(bpe(R"({"a": 2000000})"), "has the id 2000000, with 1 tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0, "b": 0})"), "'a' and 'b' both have the id 0");
  expect_refused<FormatError>(bpe(R"({"a": 0, "a": 1})"), "tokens 0 and 1 are both 'a'");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"(["a"])"), "entry 0 is not two tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"(["a a a"])"), "entry 0 is not two tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"([["a"]])"), "entry 0 is not two tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"([["a", 1]])"), "entry 0 is not two tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"([["a", "a", "a"]])"), "is not two tokens");
  expect_refused<FormatError>(bpe(R"({"a": 0})", R"([["a", "a"]])"), "needs the token 'aa'");
  const auto unigram = [](const std::string& vocab, const std::string& unknown) {
    return file(R"({"type": "Unigram", "vocab": )" + vocab + R"(, "unk_id": )" + unknown + "}");
  };
  expect_refused<FormatError>(unigram(R"([["a", 0]])", "1"), "model.unk_id: found a number");
  expect_refused<FormatError>(unigram(R"([["a"]])", "0"), "entry 0 is not a text and its score");
  expect_refused<FormatError>(unigram(R"([["a", "b"]])", "0"), "entry 0 is not a text");
  expect_refused<FormatError>(unigram(R"([["a", 1e999]])", "0"), "not JSON");
  expect_refused<FormatError>(unigram(R"([["a", 0], ["a", 0]])", "0"), "tokens 0 and 1 are both");
  expect_refused<FormatError>(unigram(R"([[")" + std::string(2000, 'x') + R"(", 0]])", "0"),
                              "2000 bytes of at most 1024");
  expect_refused<FormatError>(
      file(R"({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]"})"),
      "'[UNK]' is not in the vocabulary");
  // Places without a token are padding.
  EXPECT_EQ(parsed(bpe(R"({"a": 7, "b": 3})")).tokenize("ab"), ids({7, 3}));
}

TEST(TokenizerJson, AddedTokens) {
  const auto with = [](const std::string& added) {
    return file(kLetters, R"(, "added_tokens": )" + added);
  };
  expect_refused<FormatError>(with("{}"), "added_tokens: found an object, expected an array");
  expect_refused<FormatError>(with(R"([{"id": 6}])"), "'content' is missing");
  expect_refused<FormatError>(with(R"([{"content": "x"}])"), "'id' is missing");
  expect_refused<FormatError>(with(R"([{"id": -1, "content": "x"}])"), "added_tokens[0].id: found");
  expect_refused<FormatError>(with(R"([{"id": 6, "content": "x", "lstrip": 1}])"),
                              "added_tokens[0].lstrip: found a number, expected true or false");
  expect_refused<FormatError>(with(R"([{"id": 6, "content": "<s>"}])"),
                              "has the id 6, but the id 4 in the vocabulary");
  expect_refused<FormatError>(with(R"([{"id": 0, "content": "x"}])"), "both have the id 0");
  expect_refused<FormatError>(with(R"([{"id": 6, "content": "x"}, {"id": 7, "content": "x"}])"),
                              "'x' has the ids 6 and 7");
  expect_refused<FormatError>(
      with(R"([{"id": 6, "content": ")" + std::string(2000, 'x') + R"("}])"),
      "2000 bytes of at most 1024");
}

TEST(TokenizerJson, UnknownComponentsAreNamed) {
  const auto with = [](const std::string& role, const std::string& component) {
    return file(kLetters, ", \"" + role + "\": " + component);
  };
  for (const char* role : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    expect_refused<UnsupportedError>(with(role, R"({"type": "Mystery"})"), "'Mystery' isn't");
    expect_refused<FormatError>(with(role, R"({"kind": "Mystery"})"), "'type' is missing");
    expect_refused<FormatError>(with(role, R"([])"), "found an array, expected an object");
  }
  expect_refused<UnsupportedError>(with("pre_tokenizer", R"({"type": "UnicodeScripts"})"),
                                   "the pre-tokenizer 'UnicodeScripts' isn't supported");
  expect_refused<UnsupportedError>(
      with("decoder", R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
           {"type": "WordPiece", "prefix": "##", "cleanup": true}]})"),
      "the decoder WordPiece after Fuse");
  const std::string split = R"({"type": "Split", "pattern": PATTERN, "behavior": "BEHAVIOR",
                                "invert": false})";
  const auto put = [](std::string text, const std::string& name, const std::string& value) {
    return text.replace(text.find(name), name.size(), value);
  };
  const auto pattern = [&](const std::string& json) {
    return with("pre_tokenizer", put(put(split, "PATTERN", json), "BEHAVIOR", "Isolated"));
  };
  expect_refused<UnsupportedError>(pattern(R"x({"Regex": "(?~a)"})x"),
                                   "an unknown group or option");
  expect_refused<UnsupportedError>(pattern(R"({"Regex": "a{2}+"})"),
                                   "an interval that is repeated");
  expect_refused<UnsupportedError>(pattern(R"({"Regex": "(a"})"), "can't be compiled");
  expect_refused<UnsupportedError>(pattern(R"({"Regex": "[a"})"), "a class without an end");
  expect_refused<UnsupportedError>(pattern(R"({"Regex": "\\p{Nonsense}"})"), "can't be compiled");
  expect_refused<UnsupportedError>(pattern(R"({"Regex": ")" + std::string(70'000, 'a') + "\"}"),
                                   "more than 65536 bytes");
  expect_refused<UnsupportedError>(
      pattern(R"({"Regex": ")" + std::string(40, '[') + "a" + std::string(40, ']') + "\"}"),
      "classes nested too deeply");
  expect_refused<UnsupportedError>(pattern(R"({"String": ""})"), "an empty pattern");
  expect_refused<FormatError>(pattern(R"({})"), "'String' is missing");
  expect_refused<UnsupportedError>(
      with("pre_tokenizer", put(put(split, "PATTERN", R"({"String": "a"})"), "BEHAVIOR", "Torn")),
      "the behavior 'Torn' isn't supported");
  std::string deep = R"({"type": "Lowercase"})";
  for (int i = 0; i < 20; ++i) deep = R"({"type": "Sequence", "normalizers": [)" + deep + "]}";
  expect_refused<FormatError>(with("normalizer", deep), "sequences within sequences");
  std::string many = R"({"type": "Lowercase"})";
  for (int i = 0; i < 70; ++i) many += R"(, {"type": "Lowercase"})";
  expect_refused<FormatError>(
      with("normalizer", R"({"type": "Sequence", "normalizers": [)" + many + "]}"),
      "more than 64 components");
}

TEST(TokenizerJson, Charsmaps) {
  const auto with = [](const std::string& blob) {
    return file(kLetters, R"(, "normalizer": {"type": "Precompiled", "precompiled_charsmap": ")" +
                              blob + "\"}");
  };
  expect_refused<FormatError>(with("!"), "not base64");
  expect_refused<FormatError>(with(""), "the charsmap of 0 bytes");
  expect_refused<FormatError>(with("AAAAAA=="), "announces a table of 0 bytes");
  expect_refused<FormatError>(with("////fwAA"), "must be a positive multiple of 4 and lie within");
  expect_refused<FormatError>(with("BAAAAAAAAAD/"), "is not UTF-8");
  // A table whose places lead out of it ends the search.
  EXPECT_EQ(parsed(with("BAAAAP////8=")).tokenize("ab"), ids({3}));
}

TEST(TokenizerJson, RulesThatMultiplyTheTextAreBounded) {
  std::string rules;
  for (int i = 0; i < 20; ++i) {
    rules += std::string(i == 0 ? "" : ", ") +
             R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaa"})";
  }
  const Tokenizer tokenizer = parsed(
      file(kLetters, R"(, "normalizer": {"type": "Sequence", "normalizers": [)" + rules +
                         R"(]}, "decoder": {"type": "Sequence", "decoders": [)" + rules + "]}"));
  EXPECT_THAT([&] { tokenizer.tokenize("aaaa"); },
              ThrowsMessage<ResourceExhausted>(HasSubstr("multiply")));
  EXPECT_THAT([&] { tokenizer.detokenize(ids({0})); },
              ThrowsMessage<ResourceExhausted>(HasSubstr("multiply")));
  EXPECT_EQ(tokenizer.tokenize("b"), ids({1}));
}

TEST(TokenizerJson, PostProcessors) {
  const auto with = [](const std::string& processor) {
    return file(kLetters, R"(, "post_processor": )" + processor);
  };
  const std::string single = R"({"type": "TemplateProcessing", "pair": [], "special_tokens":
      {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}, "single": )";
  expect_refused<FormatError>(with(single + "[]}"), "has no place for the text");
  expect_refused<FormatError>(with(single + R"([{"SpecialToken": {"id": "<x>"}}]})"),
                              "'<x>' is missing");
  expect_refused<UnsupportedError>(
      with(single + R"([{"Sequence": {"id": "A"}}, {"Sequence": {"id": "A"}}]})"),
      "only one place");
  expect_refused<FormatError>(
      with(R"({"type": "BertProcessing", "sep": ["</s>", 6], "cls": ["<s>", 4]})"),
      "expected a whole number from 0 to 5");
  const TokenizeOptions add{.add_special = true};
  EXPECT_EQ(
      parsed(with(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
                {"type": "BertProcessing", "sep": ["</s>", 5], "cls": ["<s>", 4]}, )" +
                  single + R"([{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}]})"))
          .tokenize("ab", add),
      ids({4, 4, 3, 5}));
  // Without a post-processor the configuration says it.
  const std::string config = R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>",
                                 "add_bos_token": true, "add_eos_token": true})";
  const Tokenizer tokenizer = parsed(file(kLetters), config);
  EXPECT_EQ(tokenizer.tokenize("ab", add), ids({4, 3, 5}));
  EXPECT_TRUE(tokenizer.special().add_bos);
  EXPECT_EQ(tokenizer.tokenize("ab"), ids({3}));
}

TEST(TokenizerJson, TheConfigurationHasTheLastWordOnBosAndEos) {
  const TokenizeOptions add{.add_special = true};
  const auto tokens = [&](const std::string& processor, const std::string& flags) {
    const std::string roles = R"({"bos_token": "<s>", "eos_token": "</s>")";
    return parsed(file(kLetters, R"(, "post_processor": )" + processor), roles + flags + "}")
        .tokenize("ab", add);
  };
  const std::string none = R"({"type": "ByteLevel"})";
  const std::string both = R"({"type": "BertProcessing", "sep": ["</s>", 5], "cls": ["<s>", 4]})";
  EXPECT_EQ(tokens(none, ""), ids({3}));
  EXPECT_EQ(tokens(none, R"(, "add_bos_token": true)"), ids({4, 3}));
  EXPECT_EQ(tokens(none, R"(, "add_bos_token": false, "add_eos_token": true)"), ids({3, 5}));
  EXPECT_EQ(tokens(both, R"(, "add_bos_token": true)"), ids({4, 3, 5}));
  EXPECT_EQ(tokens(both, R"(, "add_bos_token": false)"), ids({3, 5}));
  EXPECT_EQ(tokens(both, R"(, "add_eos_token": false)"), ids({4, 3}));
  EXPECT_EQ(parsed(file(kLetters, R"(, "post_processor": )" + both),
                   R"({"cls_token": "<s>", "sep_token": "</s>", "add_bos_token": false})")
                .tokenize("ab", add),
            ids({4, 3, 5}));
}

TEST(TokenizerJson, TheConfigurationHasTheLastWordOnBertsNormalizer) {
  const std::string model =
      file(R"({"type": "BPE", "vocab": {"a": 0, "A": 1, "ä": 2, "中": 3, " ": 4}, "merges": []})",
           R"(, "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": true,
                "handle_chinese_chars": true, "strip_accents": null})");
  const auto tokens = [&](const std::string& config) {
    return parsed(model, config).tokenize("Aä中");
  };
  const std::vector<TokenId> as_the_file_says = ids({0, 0, 4, 3, 4});
  EXPECT_EQ(tokens(""), as_the_file_says);
  EXPECT_EQ(tokens(R"({"do_lower_case": true, "strip_accents": null})"), as_the_file_says);
  EXPECT_EQ(tokens(R"({"do_lower_case": false})"), ids({1, 2, 4, 3, 4}));
  EXPECT_EQ(tokens(R"({"strip_accents": false})"), ids({0, 2, 4, 3, 4}));
  EXPECT_EQ(tokens(R"({"tokenize_chinese_chars": false})"), ids({0, 0, 3}));
  EXPECT_EQ(tokens(R"({"do_lower_case": false, "tokenizer_class": "PreTrainedTokenizerFast"})"),
            as_the_file_says);
}

TEST(TokenizerJson, NumbersBeyond64BitsAreNumbers) {
  const std::string no_limit = R"({"note": "\"12345678901234567890\\", "eos_token": "</s>",
      "some": [-1000000000000000019884624838656, 12345678901234567890.5],
      "model_max_length": 1000000000000000019884624838656})";
  EXPECT_EQ(parsed(file(kLetters), no_limit).special().eos, TokenId(5));
  EXPECT_EQ(
      parsed(file(kLetters), R"({"a": 18446744073709551615, "eos_token": "</s>"})").special().eos,
      TokenId(5));
  for (const char* broken :
       {R"({"a": 01000000000000000019884624838656})", R"({"a": 1000000000000000019884624838656)",
        R"({"a": 1000000000000000019884624838656x})"}) {
    EXPECT_THAT([&] { parsed(file(kLetters), broken); },
                ThrowsMessage<FormatError>(HasSubstr("not JSON")));
  }
  expect_refused<FormatError>(
      file(R"({"type": "BPE", "vocab": {"a": 1000000000000000019884624838656}, "merges": []})"),
      "the id of 'a' is no number");
}

/// Python's json, which reads the files beside tokenizer.json, knows such numbers, and editors
/// leave marks.
TEST(TokenizerJson, NumbersThatAreNoneAndByteOrderMarksAreReadOver) {
  const std::string mark = "\xEF\xBB\xBF";
  const std::string config =
      mark + R"({"a": NaN, "b": [-Infinity, 1, Infinity], "NaN": "-Infinity", "c": -1,
                 "model_max_length": 1000000000000000019884624838656, "eos_token": "</s>"})";
  EXPECT_EQ(parsed(mark + file(kLetters), config).special().eos, TokenId(5));
  EXPECT_EQ(parsed(file(kLetters), "", R"({"eos_token_id": 2, "max_time": Infinity})")
                .special()
                .end_of_generation,
            ids({2}));
  for (const char* broken : {R"({"a": nan})", R"({"a": -NaN})", R"({"a": NaNs})", R"({NaN: 1})",
                             R"({"a": 1NaN})", R"({"a": +Infinity})", R"({"a": Infinity)"}) {
    EXPECT_THAT([&] { parsed(file(kLetters), broken); },
                ThrowsMessage<FormatError>(HasSubstr("not JSON")))
        << broken;
  }
  expect_refused<FormatError>(file(R"({"type": "BPE", "vocab": {"a": NaN}, "merges": []})"),
                              "the id of 'a' is no number");
}

/// As sentence-transformers 6.2 has it: a step ahead of the others, unless the file lowers text
/// itself. What tokenizers 0.23.3 makes of these texts.
TEST(TokenizerJson, LettersThatAreLowered) {
  const std::string model = file(
      R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "σ": 2, "ς": 3, "Σ": 4, "A": 5, "[": 6, "x": 7,
                                   "]": 8, "X": 9, "i": 10, "̇": 11}, "merges": []})",
      R"(, "normalizer": {"type": "Replace", "pattern": {"String": "ab"}, "content": "b"},
          "added_tokens": [{"id": 12, "content": "[X]", "special": true, "normalized": false},
                           {"id": 13, "content": "XX", "special": false, "normalized": true}])");
  const MemoryFiles files({{"tokenizer.json", model}});
  const Tokenizer kept = make_tokenizer(files);
  const Tokenizer lowered = make_tokenizer(files, LetterCase::kLowered);
  EXPECT_EQ(kept.tokenize("AaΣ"), ids({5, 0, 4}));
  EXPECT_EQ(lowered.tokenize("AaΣ"), ids({0, 0, 2}));
  EXPECT_EQ(lowered.tokenize("AB"), ids({1}));
  EXPECT_EQ(lowered.tokenize("İ"), ids({10, 11}));
  EXPECT_EQ(lowered.tokenize("XXxx"), ids({13, 13}));
  // A special token is looked for before; text that spells one is text.
  EXPECT_EQ(lowered.tokenize("[X][x]", {.parse_special = true}), ids({12, 6, 7, 8}));
  EXPECT_EQ(lowered.tokenize("[X]"), ids({6, 7, 8}));
}

TEST(TokenizerJson, TokensWithARoleAreControlTokens) {
  const std::string generation = R"({"eos_token_id": [5, 2, 99, -1]})";
  const Tokenizer tokenizer = parsed(file(kLetters), R"({"eos_token": "</s>"})", generation);
  EXPECT_THAT(tokenizer.special().end_of_generation, ElementsAre(TokenId(2), TokenId(5)));
  EXPECT_EQ(tokenizer.special().eos, TokenId(5));
  EXPECT_EQ(tokenizer.tokenize("a</s>", {.parse_special = true}), ids({0, 5}));
  EXPECT_EQ(tokenizer.tokenize("a</s>"), ids({0}));
  EXPECT_EQ(tokenizer.detokenize(ids({3, 5, 2})), "ab c");
}

TEST(TokenizerJson, ControlTokensNeedTrustInNormalizedTextToo) {
  const Tokenizer tokenizer = parsed(file(
      R"({"type": "BPE", "vocab": {"a": 0, "[": 1, "x": 2, "]": 3, "e": 4, "é": 5}, "merges": []})",
      R"(, "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"},
              {"type": "Replace", "pattern": {"Regex": "-+"}, "content": ""}]}, "added_tokens":
              [{"id": 6, "content": "[X]", "special": true, "normalized": true}])"));
  const auto encode = [&](std::vector<TextSegment> segments) {
    return tokenizer.tokenize(segments);
  };
  EXPECT_EQ(encode({{"a[--X]", true}, {"a", false}}), ids({0, 6, 0}));
  EXPECT_EQ(encode({{"A", false}, {"[x]", true}}), ids({0, 6}));
  EXPECT_EQ(encode({{"a[X]", false}}), ids({0, 1, 2, 3}));
  EXPECT_EQ(encode({{"[", true}, {"X", false}, {"]", true}}), ids({1, 2, 3}));
  EXPECT_EQ(encode({{"[x]e", true}, {"\u0301[X]", false}}), ids({6, 5, 1, 2, 3}));
}

TEST(TokenizerJson, BytesThatAreNoText) {
  const std::string spelled =
      R"({"type": "BPE", "vocab": {"a": 0, "ÿ": 1, "þ": 2, "ÿþ": 3}, "merges": ["ÿ þ"]})";
  const std::string level =
      R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})";
  const Tokenizer bytes =
      parsed(file(spelled, R"(, "pre_tokenizer": )" + level + R"(, "decoder": )" + level));
  EXPECT_EQ(bytes.tokenize("a\xFF\xFE"), ids({0, 3}));
  EXPECT_EQ(bytes.detokenize(ids({0, 3})), "a\xFF\xFE");
  EXPECT_EQ(StreamingDetokenizer(bytes).push(TokenId(3)), "\uFFFD\uFFFD");
  const Tokenizer plain =
      parsed(file(R"({"type": "BPE", "vocab": {"a": 0, "\ufffd": 1}, "merges": []})"));
  EXPECT_EQ(plain.tokenize("a\xFF\xE2\x82z"), ids({0, 1, 1}));
}

// As the reference decodes the tokens of an answer by themselves, and as a text goes on.
TEST(TokenizerJson, TheFirstSpaceOfAnAnswer) {
  const std::string model = R"({"type": "BPE", "vocab": {"▁a": 0, "▁": 1, "<0xE2>": 2, "<0x82>": 3,
                                "<0xAC>": 4, "b": 5}, "merges": [], "byte_fallback": true})";
  const Tokenizer llama = parsed(file(model, R"(, "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"));
  EXPECT_EQ(llama.detokenize(ids({0, 0})), "a a");
  EXPECT_EQ(llama.detokenize(ids({1, 0, 2, 3, 4})), " a€");
  StreamingDetokenizer stream(llama);
  EXPECT_EQ(stream.push(TokenId(1)), "");
  EXPECT_EQ(stream.push(TokenId(1)), " ");
  EXPECT_EQ(stream.push(TokenId(2)), "");
  EXPECT_EQ(stream.push(TokenId(3)), "");
  EXPECT_EQ(stream.push(TokenId(4)), "€");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(TokenId(0)), "a");
  StreamingDetokenizer middle(llama, {.at_start = false});
  EXPECT_EQ(middle.push(TokenId(0)), " a");
  const Tokenizer metaspace = parsed(file(model, R"(, "decoder": {"type": "Metaspace",
      "replacement": "▁", "prepend_scheme": "always", "split": true})"));
  EXPECT_EQ(metaspace.detokenize(ids({0, 0})), "a a");
  std::string piece;
  metaspace.append_bytes(TokenId(0), piece);
  EXPECT_EQ(piece, " a");
}

class FakeFiles : public MemoryFiles {
 public:
  explicit FakeFiles(Map files) : MemoryFiles(in("folder/", std::move(files))) {}
};

TEST(TokenizerFiles, OfAFolder) {
  EXPECT_THAT([] { make_tokenizer(FakeFiles(FakeFiles::Map{})); },
              ThrowsMessage<NotFound>(HasSubstr("folder/tokenizer.json: there is no such file")));
  const FakeFiles files({{"tokenizer.json", file(kLetters)},
                         {"special_tokens_map.json", R"({"bos_token": "<s>"})"},
                         {"added_tokens.json", R"({"<x>": 6})"},
                         {"config.json", R"({"eos_token_id": 5})"},
                         {"tokenizer_config.json", R"({"chat_template": [
                             {"name": "tool_use", "template": "T"},
                             {"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}"}]})"}});
  const Tokenizer tokenizer = make_tokenizer(files);
  EXPECT_TRUE(tokenizer.special().ends_generation(TokenId(5)));
  EXPECT_EQ(tokenizer.tokenize("<x>"), ids({6}));
  ChatContext context;
  context.messages = R"([{"role": "user", "content": "<s>"}])";
  EXPECT_EQ(make_chat_format(read_chat_templates(files), tokenizer).render(context).text, "<s><s>");
}

// Whatever the pattern and the text, the steps stay in proportion to the text.
TEST(TokenizerJson, OneMebibyteOfOneLetter) {
  constexpr std::size_t kSize = std::size_t{1} << (kSanitized ? 16U : 20U);
  const std::string unigram = R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -3],
      ["aaaa", -4], ["aaaaaaaaaaaaaaaa", -5], ["▁", -3], ["▁▁▁▁", -4], ["😀", -6]]})";
  const std::string wordpiece =
      R"({"type": "WordPiece", "unk_token": "u", "max_input_chars_per_word":
      2000000000, "vocab": {"u": 0, "a": 1, "##a": 2, "##aaaaaaaa": 3, "😀": 4, "##😀": 5}})";
  const std::string bpe = R"({"type": "BPE", "unk_token": "u", "fuse_unk": true, "vocab":
      {"u": 0, "a": 1, "aa": 2, "aaaa": 3, " ": 4}, "merges": ["a a", "aa aa"]})";
  const std::string marks =
      R"(, "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"})";
  const auto split = [](const std::string& regex) {
    return R"(, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": ")" + regex +
           R"("}, "behavior": "Isolated", "invert": false})";
  };
  const std::string files[] = {
      file(unigram, marks),
      file(wordpiece),
      file(bpe),
      file(bpe, split("a+[bc]|\\\\s+$|😀*x")),
      file(bpe, split("(a|aa)+b")),
      file(bpe, split("(?=(a+))b|(?<=a)(?!.*b)")),
  };
  for (const std::string& json : files) {
    const Tokenizer tokenizer = parsed(json);
    for (const std::string unit : {"a", " ", "😀", "\xFF", "a "}) {
      SCOPED_TRACE(json.substr(json.size() > 120 ? json.size() - 120 : 0) + sirocco::quoted(unit));
      std::string text;
      while (text.size() < kSize) text += unit;
      TokenizeStats stats;
      tokenizer.tokenize(text, {.stats = &stats});
      EXPECT_LE(stats.merge_steps, 20 * 3 * text.size());
      EXPECT_LE(stats.pattern_matches, 4 * text.size());
    }
  }
}

}  // namespace
}  // namespace sirocco
