// GGUF files as people have them: words added to a vocabulary, tokens labelled as something else or
// not at all, keys left out, and ids for which there is no token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/tokenizer_golden_testing.hpp"
#include "sirocco/text/vocabulary_testing.hpp"

namespace sirocco {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;
using namespace vocabulary_testing;

constexpr TokenizeOptions kTrusted{.parse_special = true};

FixtureMetadata golden_metadata(const std::string& file) {
  const char* const folder = file.starts_with("gguf") ? "tokenizer_json" : "tokenizer";
  return FixtureMetadata::load(golden_folder(folder) + file + ".vocab");
}

// The texts of the recorded strings, every `step`th.
std::vector<std::string> some_strings(std::size_t step) {
  const std::vector<std::string> all = golden_strings();
  std::vector<std::string> some;
  for (std::size_t i = 0; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

void expect_same_ids(const Tokenizer& got, const Tokenizer& wanted, std::size_t step) {
  for (const std::string& text : some_strings(step)) {
    ASSERT_EQ(got.tokenize(text), wanted.tokenize(text)) << sirocco::quoted(text, 400);
    ASSERT_EQ(got.tokenize(text, {.parse_special = true, .add_special = true}),
              wanted.tokenize(text, {.parse_special = true, .add_special = true}))
        << sirocco::quoted(text, 400);
  }
  for (const auto& tokens : golden_ids(500, wanted.vocabulary().size())) {
    ASSERT_EQ(got.detokenize(tokens), wanted.detokenize(tokens)) << shown(wanted, tokens);
  }
}

// With "▁", "▁a" and "a", a user-defined word and a control token.
struct Words {
  Draft draft = sentencepiece_base();
  int mark = draft.add("▁", kNormal, -2);
  int marked_a = draft.add("▁a", kNormal, -1);
  int a = draft.add("a", kNormal, -3);
  int word = draft.add("<w>", kUserDefined, -1000);
  int control = draft.add("<c>", kControl, -1000);
};

TEST(AddedWords, EveryStretchOfTextBetweenThemHasItsPrefix) {
  Words v;
  const Tokenizer tokenizer = v.draft.sentencepiece();
  for (const auto& [text, tag] : {std::pair("<w>", v.word), std::pair("<c>", v.control)}) {
    const std::string t = text;
    const auto encode = [&](const std::string& s) { return tokenizer.tokenize(s, kTrusted); };
    EXPECT_EQ(encode(t), ids({tag}));
    EXPECT_EQ(encode(t + "a"), ids({tag, v.marked_a}));
    EXPECT_EQ(encode("a" + t), ids({v.marked_a, tag}));
    EXPECT_EQ(encode("a" + t + "a"), ids({v.marked_a, tag, v.marked_a}));
    EXPECT_EQ(encode(t + t + "a" + t), ids({tag, tag, v.marked_a, tag}));
    EXPECT_EQ(encode(t + " a"), ids({tag, v.mark, v.marked_a}));
    EXPECT_EQ(encode(t + " " + t), ids({tag, v.mark, v.mark, tag}));
    EXPECT_EQ(encode(t + "\na"), ids({tag, v.mark, 3 + '\n', v.a}));
    EXPECT_EQ(tokenizer.tokenize(t + "a", {.parse_special = true, .add_special = true}),
              ids({1, tag, v.marked_a}));
  }
  EXPECT_EQ(tokenizer.tokenize("<w>a<c>a<w>", kTrusted),
            ids({v.word, v.marked_a, v.control, v.marked_a, v.word}));
  EXPECT_EQ(tokenizer.tokenize("", {.add_special = true}), ids({1}));
}

TEST(AddedWords, NoPrefixWhereTheVocabularyHasNone) {
  Words v;
  v.draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer tokenizer = v.draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("a<w>a<c> a", kTrusted),
            ids({v.a, v.word, v.a, v.control, v.marked_a}));
}

TEST(AddedWords, ControlTokensOnlyInTrustedTextUserDefinedOnesAnywhere) {
  Words v;
  const Tokenizer tokenizer = v.draft.sentencepiece();
  const std::vector<TextSegment> segments{
      {"<c>", true}, {"a<w>", false}, {"a<", true}, {"w>a", false}, {"<c>a", true}};
  EXPECT_EQ(tokenizer.tokenize(segments), ids({v.control, v.marked_a, v.word, v.marked_a, v.word,
                                               v.marked_a, v.control, v.marked_a}));
  for (const char* said : {"a<c>", "<s>", "</s>", "<unk>", "<|im_end|>"}) {
    const std::vector<TextSegment> chat{{"<c>", true}, {said, false}};
    const std::vector<TokenId> tokens = tokenizer.tokenize(chat);
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      EXPECT_NE(tokenizer.vocabulary().kind(tokens[i]), TokenKind::kControl) << said;
      EXPECT_NE(tokenizer.vocabulary().kind(tokens[i]), TokenKind::kUnknown) << said;
    }
  }
  EXPECT_EQ(tokenizer.tokenize("<unk>a", kTrusted), ids({0, v.marked_a}));
}

TEST(AddedWords, SpacesInThem) {
  Words v;
  const int behind = v.draft.add("[I] ", kUserDefined);
  const int ahead = v.draft.add(" [E]", kUserDefined);
  const int marked = v.draft.add("▁▁", kUserDefined);
  const Tokenizer tokenizer = v.draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("[I] a [E]a"), ids({behind, v.marked_a, ahead, v.marked_a}));
  EXPECT_EQ(tokenizer.tokenize("a  a"), ids({v.marked_a, marked, v.marked_a}));
  EXPECT_EQ(tokenizer.tokenize("a▁▁a"), ids({v.marked_a, marked, v.marked_a}));
  EXPECT_EQ(tokenizer.detokenize(ids({v.marked_a, ahead, marked, v.marked_a})), "a [E]   a");
}

// Nothing in the file says so: it is known of the one vocabulary that has these.
TEST(AddedWords, TakeTheBlanksBehindWhereTheModelWasTrainedSo) {
  Words v;
  const int user = v.draft.add("<|user|>", kControl);
  const int assistant = v.draft.add("<|assistant|>", kControl);
  const int system = v.draft.add("<|system|>", kControl);
  const int end = v.draft.add("<|end|>", kControl);
  const std::string text = "<s> a</s> a<|user|>\na<|end|>\n<|assistant|>\n";
  const int newline = 3 + '\n';
  EXPECT_EQ(v.draft.sentencepiece().tokenize(text, kTrusted),
            ids({1, v.mark, v.marked_a, 2, v.mark, v.marked_a, user, v.mark, newline, v.a, end,
                 v.mark, newline, assistant, v.mark, newline}));
  v.draft.add("<|placeholder1|>", kControl);
  EXPECT_EQ(v.draft.sentencepiece().tokenize(text, kTrusted),
            ids({1, v.mark, v.marked_a, 2, v.marked_a, user, v.marked_a, end, assistant}));
  EXPECT_EQ(v.draft.sentencepiece().tokenize("<|system|> \n a", kTrusted),
            ids({system, v.marked_a}));
}

// Whatever the text: its tokens, the word's, and those of the other text.
TEST(AddedWords, TextsOnBothSidesAreTokenizedByThemselves) {
  for (const char* file : {"spm-llama", "spm-plain", "spm-unused", "spm-phrases", "spm-gemma",
                           "gguf-t5", "gguf-t5-bytes"}) {
    for (const int kind : {kUserDefined, kControl}) {
      FixtureMetadata metadata = golden_metadata(file);
      const auto append = [&](const std::string& key, auto value) {
        auto values = *metadata.get_array<std::vector<decltype(value)>>("tokenizer.ggml." + key);
        values.push_back(value);
        metadata.set("tokenizer.ggml." + key, values);
        return static_cast<int>(values.size()) - 1;
      };
      const TokenId word(append("tokens", std::string_view("<|w|>")));
      append("scores", -1000.0);
      append("token_type", std::int64_t{kind});
      const Tokenizer tokenizer = make_tokenizer(metadata);
      const std::vector<std::string> texts = some_strings(61);
      for (std::size_t i = 0; i + 1 < texts.size(); ++i) {
        std::vector<TokenId> parts = tokenizer.tokenize(texts[i]);
        parts.push_back(word);
        const auto second = tokenizer.tokenize(texts[i + 1]);
        parts.insert(parts.end(), second.begin(), second.end());
        const std::vector<TextSegment> whole{{texts[i]}, {"<|w|>", true}, {texts[i + 1]}};
        ASSERT_EQ(tokenizer.tokenize(whole), parts)
            << file << " " << sirocco::quoted(texts[i]) << sirocco::quoted(texts[i + 1]);
      }
    }
  }
}

TEST(ByteTokens, AreFoundByNameWhateverTheirType) {
  const std::string text = "a\n\t\xC3\xBC <0x0A>\xFF";
  for (const char* model : {"llama", "t5"}) {
    const auto build = [&](std::optional<int> type) {
      Words v;
      v.draft.metadata.set("tokenizer.ggml.unknown_token_id", std::int64_t{0});
      for (std::size_t byte = 0; byte < 256 && type; ++byte) v.draft.types[3 + byte] = *type;
      return v.draft.sentencepiece(model);
    };
    const Tokenizer wanted = build(std::nullopt);
    const std::vector<TokenId> tokens = wanted.tokenize(text);
    EXPECT_THAT(tokens, testing::IsSupersetOf(ids({3 + '\n', 3 + '\t', 3 + 0xC3, 3 + 0xFF})));
    for (const int type : {0, kNormal, kControl, kUserDefined, kUnused}) {
      SCOPED_TRACE(std::string(model) + " " + std::to_string(type));
      const Tokenizer tokenizer = build(type);
      EXPECT_EQ(tokenizer.tokenize(text), tokens);
      EXPECT_EQ(tokenizer.detokenize(tokens), text);
      EXPECT_EQ(streamed(tokenizer, ids({3 + 0xC3, 3 + 0xBC, 3 + '\n'})), "ü\n");
    }
  }
}

TEST(ByteTokens, TypedOnesComeFirst) {
  Words v;
  v.draft.tokens[3 + '\n'] = "<0x0a>";
  const int named = v.draft.add("<0x0A>");
  const Tokenizer tokenizer = v.draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("\n"), ids({v.mark, 3 + '\n'}));
  EXPECT_EQ(tokenizer.detokenize(ids({named})), "<0x0A>");
}

TEST(ByteTokens, OnesThatAreMissingLeaveTheOthers) {
  Words v;
  v.draft.tokens[3 + '\t'] = "tab";
  v.draft.types[3 + '\t'] = kNormal;
  const Tokenizer tokenizer = v.draft.sentencepiece();
  EXPECT_EQ(tokenizer.tokenize("\n\t\t\n"), ids({v.mark, 3 + '\n', 0, 3 + '\n'}));
  // What came before the text is not a part of it.
  EXPECT_EQ(tokenizer.tokenize("<unk>\t", kTrusted), ids({0, v.mark, 0}));
  v.draft.metadata.set("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(v.draft.sentencepiece().tokenize("<unk>\t", kTrusted), ids({0, 0}));
}

TEST(ByteTokens, AreChecked) {
  for (const char* model : {"llama", "t5"}) {
    const auto refuse = [&](const std::string& token, const std::string& message) {
      Words v;
      v.draft.metadata.set("tokenizer.ggml.unknown_token_id", std::int64_t{0});
      v.draft.add(token, kByte);
      EXPECT_THAT([&] { v.draft.sentencepiece(model); },
                  ThrowsMessage<FormatError>(HasSubstr(message)));
    };
    refuse("<0xZZ>", "not of the form <0xNN>");
    refuse("<0x0a>", "both stand for byte 0x0A");
  }
}

// The recorded vocabularies without the types, or with others, give the same ids and the same text.
TEST(TokenTypes, MayBeLeftOut) {
  for (const char* file : {"spm-llama", "spm-plain", "gguf-t5-bytes"}) {
    SCOPED_TRACE(file);
    FixtureMetadata metadata = golden_metadata(file);
    const Tokenizer typed = make_tokenizer(metadata);
    const std::size_t size = typed.vocabulary().size();
    metadata.set("tokenizer.ggml.token_type", std::vector<std::int64_t>(size, 0));
    expect_same_ids(make_tokenizer(metadata), typed, 97);
    metadata.set("tokenizer.ggml.token_type", std::vector<std::int64_t>(size, kNormal));
    expect_same_ids(make_tokenizer(metadata), typed, 97);
    metadata.erase("tokenizer.ggml.token_type");
    expect_same_ids(make_tokenizer(metadata), typed, 23);
    for (const char* name : {"bos", "eos", "unknown"}) {
      metadata.erase(std::string("tokenizer.ggml.") + name + "_token_id");
    }
    expect_same_ids(make_tokenizer(metadata), typed, 97);
  }
}

TEST(TokenTypes, LeftOutTheyAreReadOffTheTexts) {
  Draft draft = all_bytes();
  const int start = draft.add("<|im_start|>");
  const int wide = draft.add("<｜User｜>");
  const int bos = draft.add("[BOS]");
  draft.add("<b>");
  draft.types.clear();
  draft.metadata.set("tokenizer.ggml.bos_token_id", std::int64_t{bos});
  draft.metadata.set("tokenizer.ggml.padding_token_id", std::int64_t{'!'});
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("<|im_start|><｜User｜>[BOS]", kTrusted), ids({start, wide, bos}));
  EXPECT_EQ(tokenizer.tokenize("!<b>", kTrusted), ids({'!', '<', 'b', '>'}));
  EXPECT_EQ(tokenizer.tokenize("<|im_start|>").size(), 12U);
  EXPECT_EQ(tokenizer.detokenize(ids({bos, 'a', start})), "a");
}

TEST(TokenTypes, NamedTokensInBracketsAreSpecialWhateverTheirType) {
  Draft draft = all_bytes();
  const int eos = draft.add("</s>");
  draft.metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{eos});
  EXPECT_EQ(draft.byte_level().tokenize("a</s>", kTrusted), ids({'a', eos}));
  EXPECT_EQ(draft.byte_level().tokenize("</s>").size(), 4U);
  // A role doesn't make a token of text one that text can't have.
  draft.metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{'\n'});
  const Tokenizer plain = draft.byte_level();
  EXPECT_EQ(plain.tokenize("\n"), ids({'\n'}));
  EXPECT_EQ(plain.detokenize(ids({'\n'})), "\n");
  EXPECT_TRUE(plain.special().ends_generation(TokenId('\n')));
}

TEST(TokenTypes, RolesAndNamesOfChatFormatsGoBeforeThem) {
  for (const int type : {kUserDefined, kUnused}) {
    SCOPED_TRACE(type);
    Draft draft = all_bytes();
    const int end = draft.add("<|im_end|>", type);
    const int bos = draft.add("<s>", kUserDefined);
    draft.metadata.set("tokenizer.ggml.bos_token_id", std::int64_t{bos});
    const Tokenizer tokenizer = draft.byte_level();
    EXPECT_TRUE(tokenizer.special().ends_generation(TokenId(end)));
    EXPECT_EQ(tokenizer.tokenize("<s>a<|im_end|>", kTrusted), ids({bos, 'a', end}));
    EXPECT_EQ(tokenizer.tokenize("<s>a<|im_end|>").size(), 14U) << "text made a control token";
    EXPECT_EQ(tokenizer.detokenize(ids({bos, 'a', end})), "a");
  }
}

// Pieces stand in the order of their scores, so converters that know none lose nothing.
TEST(Scores, AllTheSameOrLeftOutTheOrderOfTheIdsCounts) {
  FixtureMetadata metadata = golden_metadata("spm-llama");
  const Tokenizer scored = make_tokenizer(metadata);
  metadata.set("tokenizer.ggml.scores", std::vector<double>(scored.vocabulary().size(), -1000.0));
  expect_same_ids(make_tokenizer(metadata), scored, 41);
  metadata.erase("tokenizer.ggml.scores");
  expect_same_ids(make_tokenizer(metadata), scored, 97);
}

TEST(ByteLevelGguf, SpacePrefixesAreNoneOfItsConcern) {
  Draft draft = all_bytes();
  draft.metadata.set("tokenizer.ggml.add_space_prefix", true);
  const Tokenizer tokenizer = draft.byte_level();
  EXPECT_EQ(tokenizer.tokenize("a"), ids({'a'}));
  EXPECT_EQ(tokenizer.detokenize(ids({' ', 'a'})), " a");
}

TEST(ByteLevelGguf, WarnsWhereNoPretokenizerIsNamed) {
  Draft draft = all_bytes();
  const auto warning = [&](const FixtureMetadata& metadata) {
    testing::internal::CaptureStderr();
    make_tokenizer(metadata);
    return testing::internal::GetCapturedStderr();
  };
  draft.byte_level();
  EXPECT_EQ(warning(draft.metadata), "");
  draft.metadata.set_text("tokenizer.ggml.pre", "");
  EXPECT_THAT(warning(draft.metadata), HasSubstr("tokenizer.ggml.pre is missing"));
  draft.metadata.erase("tokenizer.ggml.pre");
  const std::string said = warning(draft.metadata);
  EXPECT_THAT(said, StartsWith("warning: fixture.gguf: tokenizer.ggml.pre is missing"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
  EXPECT_EQ(warning(golden_metadata("spm-llama")), "");
  EXPECT_EQ(make_tokenizer(draft.metadata).tokenize("a1"),
            draft.byte_level("default").tokenize("a1"));
}

std::string warnings_of(const Draft& draft) {
  testing::internal::CaptureStderr();
  Draft(draft).byte_level();
  return testing::internal::GetCapturedStderr();
}

TEST(IdsBeyondTheVocabulary, AsRolesAreLeftAsideWithAWarning) {
  for (const std::int64_t id : {std::int64_t{256}, std::int64_t{-2}, std::int64_t{1} << 40}) {
    for (const char* role : {"bos", "eos", "padding", "unknown"}) {
      Draft draft = all_bytes();
      const std::string key = std::string("tokenizer.ggml.") + role + "_token_id";
      draft.metadata.set(key, id);
      EXPECT_THAT(warnings_of(draft),
                  HasSubstr(key + " is " + std::to_string(id) +
                            ", but the vocabulary's ids go from 0 to 255; it is left aside"));
      const SpecialTokens special = draft.byte_level().special();
      EXPECT_FALSE(special.bos || special.eos || special.padding || special.unknown);
    }
  }
  Words v;  // SentencePiece's own places hold then
  v.draft.metadata.set("tokenizer.ggml.eos_token_id", std::int64_t{32000});
  EXPECT_EQ(v.draft.sentencepiece().special().eos, TokenId(2));
}

TEST(IdsBeyondTheVocabulary, WhatIsToBeAddedMayBeMissing) {
  Draft draft = all_bytes();
  draft.metadata.set("tokenizer.ggml.add_bos_token", true);
  EXPECT_THAT(warnings_of(draft), HasSubstr("add_bos_token is true, but the file names no such"));
  EXPECT_EQ(draft.byte_level().tokenize("a", {.add_special = true}), ids({'a'}));
}

TEST(IdsBeyondTheVocabulary, StandForNothing) {
  const auto check = [](const Tokenizer& tokenizer, const std::vector<TokenId>& known) {
    const auto size = static_cast<std::int32_t>(tokenizer.vocabulary().size());
    const std::string text = tokenizer.detokenize(known);
    for (const std::int32_t beyond : {size, size + 63, std::numeric_limits<std::int32_t>::max()}) {
      std::vector<TokenId> tokens{TokenId(beyond)};
      for (const TokenId id : known) {
        tokens.push_back(id);
        tokens.emplace_back(beyond);
      }
      EXPECT_EQ(tokenizer.detokenize(tokens), text);
      EXPECT_EQ(tokenizer.detokenize(tokens, {.show_control = true}), text);
      EXPECT_EQ(streamed(tokenizer, tokens), text);
      std::string piece;
      tokenizer.append_bytes(TokenId(beyond), piece);
      EXPECT_EQ(piece, "");
    }
    StreamingDetokenizer stream(tokenizer);
    for (const std::int32_t none : {-1, std::numeric_limits<std::int32_t>::min()}) {
      EXPECT_THROW(tokenizer.detokenize(ids({none})), InvalidArgument);
      EXPECT_THROW(stream.push(TokenId(none)), InvalidArgument);
    }
  };
  check(all_bytes().byte_level(), ids({'a', 0xC3, 0xBC}));  // between the halves of a character
  Words v;
  check(v.draft.sentencepiece(), ids({v.marked_a, 3 + 0xC3, 3 + 0xBC, v.marked_a}));
  v.draft.metadata.set("tokenizer.ggml.unknown_token_id", std::int64_t{0});
  check(v.draft.sentencepiece("t5"), ids({v.marked_a, 3 + 0xC3, 3 + 0xBC, v.marked_a}));
  for (const char* file : {"gguf-bert.vocab", "gpt2.json", "llama2.json", "t5.json", "clip.json"}) {
    const Tokenizer tokenizer = golden_tokenizer(file);
    check(tokenizer, tokenizer.tokenize("two words"));
  }
}

TEST(IdsBeyondTheVocabulary, PlacesWithoutATextStandForNothing) {
  for (const int type : {kNormal, kControl, kUserDefined, kUnused}) {
    Draft draft = all_bytes();
    const int nothing = draft.add("", type);
    const int word = draft.add("<w>", kUserDefined);
    const Tokenizer tokenizer = draft.byte_level();
    EXPECT_EQ(tokenizer.tokenize("a<w>", kTrusted), ids({'a', word}));
    EXPECT_EQ(tokenizer.detokenize(ids({nothing, 'a', nothing, word})), "a<w>");
    EXPECT_EQ(tokenizer.vocabulary().kind(TokenId(nothing)), TokenKind::kUnused);
  }
}

// What converters write for rows without a token, under any type.
TEST(IdsBeyondTheVocabulary, PaddingStandsForNothingEither) {
  for (const int type : {0, kNormal, kUserDefined, kUnused}) {
    SCOPED_TRACE(type);
    Draft draft = all_bytes();
    const int padding = draft.add("[PAD256]", type);
    const int word = draft.add("[PAD256a]", kUserDefined);
    const int other = draft.add("[PAD1]", kUserDefined);
    const int unused = draft.add("[UNUSED]", kUnused);
    const Tokenizer tokenizer = draft.byte_level();
    const auto tokens = ids({padding, 'a', padding, word, other, unused});
    EXPECT_EQ(tokenizer.detokenize(tokens), "a[PAD256a][PAD1][UNUSED]");
    EXPECT_EQ(streamed(tokenizer, tokens), "a[PAD256a][PAD1][UNUSED]");
    EXPECT_EQ(tokenizer.tokenize("[PAD256]", kTrusted).size(), 8U);
    EXPECT_EQ(tokenizer.tokenize("[PAD256a][PAD1]"), ids({word, other}));
  }
}

}  // namespace
}  // namespace sirocco
