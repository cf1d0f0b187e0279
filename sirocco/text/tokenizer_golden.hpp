#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/pretokenizer.hpp"
#include "sirocco/text/tokenizer.hpp"
#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_fixture.hpp"

namespace sirocco {

/// For tests: one line of a cases.tsv with its share of expected.bin.
struct GoldenCase {
  std::string kind;                     ///< ids, pieces or text
  std::string vocab;                    ///< file of the vocabulary, or "model"
  std::string pre;                      ///< replaces the vocabulary's pre-tokenizer, unless "-"
  std::string options;                  ///< "special", "added" (too), or "-"
  std::vector<std::uint32_t> expected;  ///< a hash an input; 0: the reference has no answer
};

inline std::string golden_folder(const std::string& name = "tokenizer") {
  return std::string(SIROCCO_SOURCE_DIR) + "/tests/golden/" + name + "/";
}

inline std::vector<std::string> golden_strings() {
  const std::string bytes = read_file(golden_folder() + "strings.bin");
  FixtureReader reader(bytes);
  std::vector<std::string> strings(reader.number<std::uint32_t>());
  for (std::string& text : strings) text = reader.text();
  return strings;
}

inline std::vector<GoldenCase> golden_cases(const std::string& folder = golden_folder()) {
  std::istringstream lines(read_file(folder + "cases.tsv"));
  const std::string bytes = read_file(folder + "expected.bin");
  FixtureReader reader(bytes);
  std::vector<GoldenCase> cases;
  GoldenCase next;
  std::size_t count = 0;
  while (lines >> next.kind >> next.vocab >> next.pre >> next.options >> count) {
    next.expected.resize(count);
    for (std::uint32_t& hash : next.expected) hash = reader.number<std::uint32_t>();
    cases.push_back(next);
  }
  return cases;
}

/// The content of a file of tests/golden/tokenizer_json, where "@NAME" stands for that of another.
inline std::string golden_json(const std::string& file) {
  const std::string folder = golden_folder("tokenizer_json");
  std::string json = read_file(folder + file);
  for (std::size_t at = json.find("\"@"); at != std::string::npos; at = json.find("\"@", at)) {
    const std::size_t end = json.find('"', at + 1);
    const std::string name = json.substr(at + 2, end - at - 2);
    if (name.find('.') == std::string::npos) {  // a text of the tokenizer's own
      ++at;
      continue;
    }
    const std::string content = read_file(folder + name);
    json.replace(at, end + 1 - at, content);
    at += content.size();
  }
  return json;
}

/// The tokenizer of a file of that folder (.json, or .vocab with the keys of a GGUF).
inline Tokenizer golden_tokenizer(const std::string& file) {
  if (file.ends_with(".vocab")) {
    return make_tokenizer(FixtureMetadata::load(golden_folder("tokenizer_json") + file));
  }
  return make_tokenizer(MemoryFiles({{"tokenizer.json", golden_json(file)}}));
}

/// FNV-1a, as in the script that made the expectations.
class GoldenHash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x01000193U;
    }
  }
  void add(std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) {
      value_ = (value_ ^ ((number >> shift) & 0xFFU)) * 0x01000193U;
    }
  }
  std::uint32_t value() const { return value_; }

 private:
  std::uint32_t value_ = 0x811C9DC5U;
};

inline std::uint32_t golden_hash(const std::vector<TokenId>& ids) {
  GoldenHash hash;
  for (const TokenId id : ids) hash.add(static_cast<std::uint32_t>(id.value()));
  return hash.value();
}

inline std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  StreamingDetokenizer stream(tokenizer);
  std::string text;
  for (const TokenId id : ids) text += stream.push(id);
  return text + stream.finish();
}

/// The ids that the script detokenized: xorshift32 from a fixed seed.
inline std::vector<std::vector<TokenId>> golden_ids(std::size_t count, std::size_t vocabulary) {
  std::uint32_t state = 0x5EED;
  const auto next = [&] {
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return state;
  };
  std::vector<std::vector<TokenId>> all(count);
  for (auto& ids : all) {
    ids.resize(next() % 12);
    for (TokenId& id : ids) id = TokenId(static_cast<std::int32_t>(next() % vocabulary));
  }
  return all;
}

inline std::string shown(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::string out;
  for (const TokenId id : ids) {
    out += fmt::format("{}:{} ", id.value(), quoted(tokenizer.vocabulary().text(id)));
  }
  return out;
}

/// Of the recorded inputs, one in how many is run: all in the release build. What a sanitizer looks
/// for doesn't need every string in every vocabulary.
#ifdef SIROCCO_SANITIZED
inline constexpr std::size_t kGoldenStride = 4;
#else
inline constexpr std::size_t kGoldenStride = 1;
#endif

/// Runs one case of kind ids or text; at most a few of the differences are printed.
inline void expect_golden(const GoldenCase& golden, const Tokenizer& tokenizer,
                          const std::vector<std::string>& strings) {
  SCOPED_TRACE(golden.kind + " " + golden.vocab + " " + golden.pre + " " + golden.options);
  std::size_t compared = 0;
  std::size_t different = 0;
  const auto compare = [&](std::size_t i, std::uint32_t hash,
                           const std::function<std::string()>& show) {
    if (golden.expected[i] == 0) return;
    ++compared;
    if (hash == golden.expected[i]) return;
    if (++different <= 3) ADD_FAILURE() << "input " << i << ": " << show();
  };
  if (golden.kind == "ids") {
    ASSERT_LE(golden.expected.size(), strings.size());
    const TokenizeOptions options{.parse_special = golden.options != "-",
                                  .add_special = golden.options == "added"};
    for (std::size_t i = 0; i < golden.expected.size(); i += kGoldenStride) {
      const auto ids = tokenizer.tokenize(strings[i], options);
      compare(i, golden_hash(ids),
              [&] { return quoted(strings[i], 400) + " gave " + shown(tokenizer, ids); });
    }
  } else {
    const auto inputs = golden_ids(golden.expected.size(), tokenizer.vocabulary().size());
    for (std::size_t i = 0; i < inputs.size(); i += kGoldenStride) {
      GoldenHash hash;
      const std::string text = streamed(tokenizer, inputs[i]);
      hash.add(text);
      compare(i, hash.value(),
              [&] { return shown(tokenizer, inputs[i]) + " gave " + quoted(text, 400); });
    }
  }
  EXPECT_EQ(different, 0U) << "of " << compared;
  EXPECT_GT(compared, golden.expected.size() / kGoldenStride / 3);
}

}  // namespace sirocco
