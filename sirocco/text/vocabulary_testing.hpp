#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_fixture_testing.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

/// For tests: vocabularies of a few tokens, as a GGUF holds them.
namespace sirocco::vocabulary_testing {

inline constexpr int kNormal = 1;
inline constexpr int kUnknown = 2;
inline constexpr int kControl = 3;
inline constexpr int kUserDefined = 4;
inline constexpr int kUnused = 5;
inline constexpr int kByte = 6;

inline std::vector<TokenId> ids(std::initializer_list<int> values) {
  std::vector<TokenId> out;
  for (const int value : values) out.emplace_back(value);
  return out;
}

inline std::string spelled(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_byte_spelling(out, static_cast<unsigned char>(c));
  return out;
}

/// A vocabulary under construction: ids in order of addition.
struct Draft {
  FixtureMetadata metadata;
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  std::vector<double> scores;
  std::vector<std::string> merges;

  int add(const std::string& text, int type = kNormal, double score = 0) {
    tokens.push_back(text);
    types.push_back(type);
    scores.push_back(score);
    return static_cast<int>(tokens.size()) - 1;
  }
  int merge(const std::string& left, const std::string& right) {
    merges.push_back(spelled(left) + " " + spelled(right));
    return add(spelled(left + right));
  }
  void write() {
    metadata.set_texts("tokenizer.ggml.tokens", tokens);
    metadata.set("tokenizer.ggml.token_type", types);
    if (types.empty()) metadata.erase("tokenizer.ggml.token_type");
  }
  Tokenizer byte_level(const std::string& pre = "gpt-2") {
    write();
    metadata.set_text("tokenizer.ggml.model", "gpt2");
    metadata.set_text("tokenizer.ggml.pre", pre);
    metadata.set_texts("tokenizer.ggml.merges", merges);
    return make_tokenizer(metadata);
  }
  Tokenizer sentencepiece(const std::string& model = "llama") {
    write();
    metadata.set_text("tokenizer.ggml.model", model);
    metadata.set("tokenizer.ggml.scores", scores);
    return make_tokenizer(metadata);
  }
};

/// Ids 0 to 255 are the bytes.
inline Draft all_bytes() {
  Draft draft;
  for (int byte = 0; byte < 256; ++byte)
    draft.add(spelled(std::string(1, static_cast<char>(byte))));
  return draft;
}

/// <unk>, <s>, </s>, then the bytes from id 3 on.
inline Draft sentencepiece_base() {
  Draft draft;
  draft.add("<unk>", kUnknown);
  draft.add("<s>", kControl);
  draft.add("</s>", kControl);
  for (int byte = 0; byte < 256; ++byte) draft.add(fmt::format("<0x{:02X}>", byte), kByte);
  return draft;
}

}  // namespace sirocco::vocabulary_testing
