// Folders whose tokens, or whose whole vocabulary, lie in other files than tokenizer.json: what is
// refused, and where more is taken than the reference takes. What it takes is in
// tokenizer_folder_golden_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/tokenizer_files.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

Tokenizer made(MemoryFiles::Map files) {
  return make_tokenizer(MemoryFiles::in("folder/", std::move(files)));
}

template <class Error>
void expect_refused(MemoryFiles::Map files, const std::string& message) {
  EXPECT_THAT([&] { made(files); }, ThrowsMessage<Error>(HasSubstr(message)));
}

// ---------------------------------------------------------------- tokens in other files

const char* const kLetters = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "<s>": 2},
    "merges": []}, "added_tokens": [{"id": 2, "content": "<s>", "special": true}]})";

Tokenizer added(const std::string& config, const std::string& map = "",
                const std::string& list = "") {
  return made({{"tokenizer.json", kLetters},
               {"tokenizer_config.json", config},
               {"special_tokens_map.json", map},
               {"added_tokens.json", list}});
}

const TokenizeOptions kSpecial{.parse_special = true};

// Files of transformers 4 are full of them; 5.24 takes them in special_tokens_map.json only.
TEST(FolderTokens, ObjectsWithoutATypeAreTokens) {
  const std::string object = R"({"content": "<t>", "lstrip": true, "rstrip": false,
                                 "normalized": false, "single_word": false})";
  for (const std::string& config : std::vector<std::string>{
           R"({"additional_special_tokens": [)" + object + "]}",
           R"({"extra_special_tokens": [)" + object + "]}",
           R"({"extra_special_tokens": {"tool_token": )" + object + "}}",
           R"({"pad_token": )" + object + "}", R"({"tool_token": )" + object + "}"}) {
    SCOPED_TRACE(config);
    EXPECT_EQ(added(config).tokenize("a <t>a", kSpecial), ids({0, 3, 0}));
    EXPECT_EQ(added(config).tokenize("a<t>"), ids({0}));
  }
  EXPECT_EQ(
      added("", R"({"additional_special_tokens": [)" + object + "]}").tokenize("a <t>a", kSpecial),
      ids({0, 3, 0}));
  EXPECT_EQ(added(R"({"pad_token": false, "unk_token": null})").special().padding, std::nullopt);
}

TEST(FolderTokens, WhatIsNoToken) {
  const auto refused = [](const std::string& config, const std::string& map,
                          const std::string& list, const std::string& message) {
    SCOPED_TRACE(config + map + list);
    EXPECT_THAT([&] { added(config, map, list); }, ThrowsMessage<FormatError>(HasSubstr(message)));
  };
  refused("[]", "", "", "folder/tokenizer_config.json: found an array, expected an object");
  refused(R"({"pad_token": 3})", "", "", "tokenizer_config.json: pad_token: found a number");
  refused(R"({"pad_token": {}})", "", "", "pad_token: 'content' is missing");
  refused("", R"({"pad_token": []})", "", "special_tokens_map.json: pad_token: found an array");
  refused(R"({"extra_special_tokens": "<t>"})", "", "", "extra_special_tokens: found a string");
  refused(R"({"extra_special_tokens": [3]})", "", "", "extra_special_tokens[0]: found a number");
  refused(R"({"extra_special_tokens": {"a": 3}})", "", "", "found a number, expected a string");
  refused(R"({"added_tokens_decoder": []})", "", "", "found an array, expected an object");
  refused(R"({"added_tokens_decoder": {"x": {"content": "<t>"}}})", "", "", "'x' is no id");
  refused(R"({"added_tokens_decoder": {"-3": {"content": "<t>"}}})", "", "", "'-3' is no id");
  refused(R"({"added_tokens_decoder": {"99999999999999999999": {"content": "<t>"}}})", "", "",
          "is no id");
  refused(R"({"added_tokens_decoder": {"3": "<t>"}})", "", "", "found a string");
  refused("", "", R"({"<t>": "3"})", "added_tokens.json: the id of '<t>' is no number");
  refused("", "", R"({"<t>": -1})", "the id of '<t>' is no number");
  refused("", "", R"(["<t>"])", "added_tokens.json: found an array, expected an object");
  const std::string deep(2000, 'x');
  refused("", "", R"({")" + deep + R"(": 3})", "2000 bytes of at most 1024");
}

// The reference would give two tokens the id 2.
TEST(FolderTokens, AVocabularyWithGapsKeepsTheIdsOfTheFile) {
  const auto gaps = [](const std::string& list) {
    return made({{"tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 2},
                                        "merges": []}})"},
                 {"added_tokens.json", list}});
  };
  EXPECT_EQ(gaps(R"({"<t>": 1})").tokenize("a<t>b"), ids({0, 1, 2}));
  EXPECT_EQ(gaps(R"({"<t>": 7})").tokenize("a<t>b"), ids({0, 7, 2}));
  EXPECT_THAT([&] { gaps(R"({"<t>": 2})"); },
              ThrowsMessage<FormatError>(HasSubstr("'b' and '<t>' both have the id 2")));
  EXPECT_THAT([&] { gaps(R"({"<t>": 2000000000})"); },
              ThrowsMessage<FormatError>(HasSubstr("both have the id 2")));
}

// Templates write it; text doesn't.
// As transformers' classes have them; what the vocabulary lacks isn't added.
TEST(FolderTokens, RolesThatNoFileNamesAreTheClassS) {
  const auto roles = [](const std::string& config, const std::string& model) {
    const SpecialTokens special = made({{"tokenizer.json", kLetters},
                                        {"tokenizer_config.json", config},
                                        {"config.json", model}})
                                      .special();
    return std::pair(special.bos, special.eos);
  };
  const std::optional<TokenId> none;
  const std::string llama = R"({"tokenizer_class": "LlamaTokenizerFast")";
  EXPECT_EQ(roles(llama + "}", ""), std::pair(std::optional(TokenId(2)), none));
  EXPECT_EQ(roles(llama + R"(, "bos_token": null})", ""), std::pair(none, none));
  EXPECT_EQ(roles(llama + R"(, "bos_token": "a"})", "").first, TokenId(0));
  EXPECT_EQ(roles("", R"({"model_type": "gpt2"})"), std::pair(none, none));
  EXPECT_EQ(roles(R"({"tokenizer_class": "PreTrainedTokenizerFast"})", ""), std::pair(none, none));
  EXPECT_EQ(roles(R"({"tokenizer_class": "OtherTokenizer"})", ""), std::pair(none, none));
}

TEST(FolderTokens, WhatEndsAnAnswerIsFoundWhereTheVocabularyHasIt) {
  const Tokenizer tokenizer =
      made({{"tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0, "<|im_end|>": 1},
                                   "merges": []}})"}});
  EXPECT_EQ(tokenizer.tokenize("a<|im_end|>", kSpecial), ids({0, 1}));
  EXPECT_EQ(tokenizer.tokenize("a<|im_end|>"), ids({0}));
}

// ---------------------------------------------------------------- vocabularies of other files

const char* const kGpt2 = R"({"model_type": "gpt2"})";
const char* const kBert = R"({"model_type": "bert"})";

TEST(VocabularyFiles, WhatIsMissingIsNamed) {
  expect_refused<NotFound>({},
                           "folder/tokenizer.json: there is no such file; the tokenizer class "
                           "PreTrainedTokenizerFast wants tokenizer.model; save it as");
  expect_refused<NotFound>({{"config.json", kGpt2}, {"vocab.json", "{}"}},
                           "and of what is there (vocab.json) none can be made; the tokenizer "
                           "class GPT2Tokenizer wants vocab.json with merges.txt");
  expect_refused<NotFound>({{"vocab.json", "{}"}, {"merges.txt", ""}},
                           "or name the class that it is in tokenizer_config.json");
  expect_refused<NotFound>({{"config.json", kBert}, {"tokenizer.model", ""}},
                           "class BertTokenizer wants vocab.txt");
  expect_refused<NotFound>(
      {{"tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizerFast"})"}},
      "class XLMRobertaTokenizer wants tokenizer.model or sentencepiece.bpe.model");
}

TEST(VocabularyFiles, ForeignFormsAreNamed) {
  expect_refused<UnsupportedError>({{"tekken.json", "{}"}},
                                   "folder/tekken.json: a vocabulary of mistral-common, which "
                                   "isn't supported; save it as tokenizer.json");
  expect_refused<UnsupportedError>({{"qwen.tiktoken", "IQ== 0\n"}, {"config.json", kGpt2}},
                                   "qwen.tiktoken: a vocabulary of tiktoken");
  expect_refused<UnsupportedError>({{"tokenizer.model", "IQ== 0\nIg== 1\n"}},
                                   "tokenizer.model: a list of tiktoken's, not a model of "
                                   "SentencePiece; save it as tokenizer.json");
  expect_refused<UnsupportedError>(
      {{"tokenizer_config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})"},
       {"tokenizer.model", ""}},
      "folder/tokenizer_config.json: tokenizer_class: there is no tokenizer.json, and without one "
      "the tokenizer class 'BertJapaneseTokenizer' isn't supported; known are "
      "PreTrainedTokenizerFast, GPT2Tokenizer,");
  expect_refused<UnsupportedError>({{"config.json", R"({"tokenizer_class": "Other"})"}},
                                   "folder/config.json: tokenizer_class: there is no");
}

TEST(VocabularyFiles, Merges) {
  const auto refused = [](const std::string& vocab, const std::string& merges,
                          const std::string& message) {
    SCOPED_TRACE(vocab + merges);
    expect_refused<FormatError>(
        {{"config.json", kGpt2}, {"vocab.json", vocab}, {"merges.txt", merges}}, message);
  };
  refused("", "", "folder/vocab.json: not JSON");
  refused("[]", "", "folder/vocab.json: found an array, expected an object");
  refused(R"({"a": "x"})", "", "folder/vocab.json: the id of 'a' is no number");
  refused(R"({"a": 0, "b": 0})", "", "'a' and 'b' both have the id 0");
  refused(R"({"a": 0, "b": 5000000})", "", "'b' has the id 5000000, with 2 tokens");
  refused(R"({"a": 0})", "a b", "merge 0 ('a' and 'b') needs the token 'b'");
  refused(R"({"a": 0})", "#version: 0.2\na a\nab\n", "folder/merges.txt: line 3 ('ab') is not two");
  refused(R"({"a": 0})", "a  a", "line 1 ('a  a') is not two tokens");
  refused(R"({"a": 0})", " a", "line 1 (' a') is not two tokens");
  refused(R"({"a": 0})", "a a\n\xFF a", "folder/merges.txt: line 2 is not UTF-8");
  const Tokenizer tokenizer = made({{"config.json", kGpt2},
                                    {"vocab.json", R"({"a": 0, "aa": 1})"},
                                    {"merges.txt", "#version: 0.2\r\na a\r\n\r\n"}});
  EXPECT_EQ(tokenizer.tokenize("aaa"), ids({1, 0}));
}

TEST(VocabularyFiles, Words) {
  const auto words = [](const std::string& text) {
    return MemoryFiles::Map{{"config.json", kBert}, {"vocab.txt", text}};
  };
  expect_refused<FormatError>(words("[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n"),
                              "folder/vocab.txt: '[UNK]' is not in the vocabulary");
  expect_refused<FormatError>(words("[UNK]\n\xFF\n"), "folder/vocab.txt: line 2 is not UTF-8");
  expect_refused<FormatError>(words(""), "'[UNK]' is not in the vocabulary");
  expect_refused<FormatError>(words("[UNK]\n" + std::string(2000, 'x')),
                              "2000 bytes of at most 1024");
  const Tokenizer tokenizer = made(words("[UNK]\na \t\n\n[CLS]\n[SEP]\n[PAD]\n[MASK]\nb\u3000"));
  EXPECT_EQ(tokenizer.tokenize("a b c", {.add_special = true}), ids({3, 1, 7, 0, 4}));
  EXPECT_EQ(tokenizer.detokenize(ids({1, 2, 7})), "a b");
}

// ---------------------------------------------------------------- models of SentencePiece

// A message of a protocol buffer, field by field.
class Message {
 public:
  Message& number(unsigned field, std::uint64_t value) {
    varint(field << 3U);
    varint(value);
    return *this;
  }
  Message& real(unsigned field, float value) {
    varint((field << 3U) | 5U);
    char bytes[4];
    std::memcpy(bytes, &value, 4);
    bytes_.append(bytes, 4);
    return *this;
  }
  Message& bytes(unsigned field, const std::string& value) {
    varint((field << 3U) | 2U);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_.push_back(static_cast<char>(value | 0x80U));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

std::string piece(const std::string& text, float score, unsigned type = 1) {
  return Message().bytes(1, text).real(2, score).number(3, type).str();
}

// Pieces of a BPE model, with what `trainer` and `normalizer` say besides.
Message model(Message trainer, const Message& normalizer = Message().number(4, 0)) {
  Message out;
  out.bytes(1, piece("<unk>", 0, 2)).bytes(1, piece("<s>", 0, 3)).bytes(1, piece("</s>", 0, 3));
  float score = 0;
  for (const char* const text : {"ab", "a", "b", "\u2581", "\u2581a"}) {
    out.bytes(1, piece(text, score--));
  }
  return out.bytes(2, trainer.number(3, 2).str()).bytes(3, normalizer.str());
}

Tokenizer of_model(const std::string& bytes, const std::string& config = "{}") {
  return made({{"tokenizer.model", bytes}, {"tokenizer_config.json", config}});
}

TEST(SentencePieceFile, IsReadByItsFields) {
  const Message sound = model(Message().number(35, 0).bytes(99, "later").real(98, 1));
  EXPECT_EQ(of_model(sound.str()).tokenize("ab b"), ids({6, 3, 6, 5}));
  EXPECT_EQ(of_model(sound.str()).special().bos, TokenId(1));
  // The last of a field counts; a message in two parts is one.
  Message twice = sound;
  twice.bytes(2, Message().bytes(46, "</s>").str()).number(77, 1);
  EXPECT_EQ(of_model(twice.str()).special().bos, TokenId(2));
  EXPECT_EQ(of_model(twice.str()).tokenize("ab b"), ids({6, 3, 6, 5}));
  const std::string quiet = model(Message(), Message().number(3, 0).number(4, 0)).str();
  EXPECT_EQ(of_model(quiet).tokenize("ab b"), ids({3, 6, 5}));
}

TEST(SentencePieceFile, WhatIsNoModel) {
  const auto refused = [](const std::string& bytes, const std::string& message) {
    EXPECT_THAT([&] { of_model(bytes); },
                ThrowsMessage<FormatError>(HasSubstr("folder/tokenizer.model: " + message)));
  };
  const std::string sound = model(Message()).str();
  refused("", "no model of SentencePiece: no pieces");
  refused("\x01", "no model of SentencePiece, or cut short: its model goes on for 8 bytes");
  refused("not a model", "no model of SentencePiece");
  refused("\x0B", "no model of SentencePiece: its model has a field of type 3");
  refused(
      "\x0A\x05"
      "ab",
      "no model of SentencePiece, or cut short: its model goes on for 5");
  refused("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
          "no model of SentencePiece, or cut short: its model goes on for 18446744073709551615");
  refused(std::string(12, '\xFF'), "no model of SentencePiece: its model has a number of over ten");
  refused("\x08\x01", "no model of SentencePiece: field 1 of its model is of type 0, not 2");
  for (std::size_t size = 1; size < sound.size(); size += 7) {
    EXPECT_ANY_THROW(of_model(sound.substr(0, size))) << size;
  }
  const auto with = [&](const std::string& piece) {
    return Message().bytes(1, piece).str() + sound;
  };
  refused(with(piece("", 0)), "piece 0 has no text");
  refused(with(piece(std::string(1025, 'a'), 0)), "piece 0 ('aaaa");
  refused(with(piece("\xFF", 0)), "'\\xff' in its piece is not UTF-8");
  refused(with(piece("x", std::numeric_limits<float>::quiet_NaN())), "the score of piece 0 ('x')");
  refused(with(piece("x", std::numeric_limits<float>::infinity())), "the score of piece 0 ('x')");
  refused(with(piece("x", 0, 7)), "piece 0 is of type 7; types go from 1 to 6");
  refused(with(Message().bytes(1, "x").number(2, 3).str()), "no model of SentencePiece: field 2");
  refused(with(piece("a", 0)), "tokens 0 and 5 are both 'a'");
  refused(Message(model(Message())).bytes(2, Message().number(3, 5).str()).str(),
          "trainer_spec.model_type is 5; types go from 1 to 4");
  refused(Message(model(Message())).bytes(2, Message().number(3, 1).number(40, 8).str()).str(),
          "trainer_spec.unk_id is 8, with 8 pieces");
  refused(Message(model(Message())).bytes(3, Message().bytes(2, "xyz").str()).str(),
          "the charsmap of 3 bytes");
}

TEST(SentencePieceFile, WhatCantBeDone) {
  const auto refused = [](const std::string& bytes, const std::string& config,
                          const std::string& message) {
    EXPECT_THAT([&] { of_model(bytes, config); },
                ThrowsMessage<UnsupportedError>(HasSubstr("folder/tokenizer.model: " + message)));
  };
  Message word = model(Message());
  word.bytes(2, Message().number(3, 3).str());
  refused(word.str(), "{}", "trainer_spec.model_type is WORD, which isn't supported");
  refused(model(Message().number(24, 1)).str(), "{}", "trainer_spec.treat_whitespace_as_suffix");
  refused(model(Message(), Message().number(5, 0)).str(), "{}",
          "normalizer_spec.escape_whitespaces being false isn't supported");
  Message unigram = model(Message());
  unigram.bytes(2, Message().number(3, 1).str());
  refused(unigram.str(), R"({"tokenizer_class": "LlamaTokenizer"})",
          "trainer_spec.model_type is UNIGRAM, and LlamaTokenizer makes a tokenizer of BPE only; "
          "set tokenizer_class in tokenizer_config.json to PreTrainedTokenizerFast");
  EXPECT_THAT(
      [&] {
        made({{"sentencepiece.bpe.model", model(Message()).str()},
              {"tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})"}});
      },
      ThrowsMessage<UnsupportedError>(HasSubstr("model_type is BPE, and XLMRobertaTokenizer")));
}

// Pieces of one letter, and as many merges as they allow: steps stay in proportion to the text.
TEST(SentencePieceFile, ManyOfOneLetter) {
  Message letters;
  letters.bytes(1, piece("<unk>", 0, 2)).bytes(1, piece("\u2581", 0));
  for (int size = 1; size <= 200; ++size) {
    letters.bytes(1, piece(std::string(static_cast<std::size_t>(size), 'a'),
                           static_cast<float>(-size), size == 77 ? 4 : 1));
  }
  for (const unsigned algorithm : {1U, 2U}) {
    Message whole = letters;
    whole.bytes(2, Message().number(3, algorithm).str());
    const Tokenizer tokenizer = of_model(whole.str());
    const std::string text(std::size_t{1} << 16U, 'a');
    TokenizeStats stats;
    EXPECT_FALSE(tokenizer.tokenize(text, {.stats = &stats}).empty());
    EXPECT_LE(stats.merge_steps, 200 * text.size());
  }
}

}  // namespace
}  // namespace sirocco
