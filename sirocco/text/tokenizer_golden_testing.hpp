#pragma once

#include <gtest/gtest.h>

#include <cstdint>
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
#include "tests/support/paths_testing.hpp"
#include "tests/support/sanitized_testing.hpp"

namespace sirocco {

/// For tests: one line of a cases.tsv with its share of expected.bin.
struct GoldenCase {
  std::string kind;         ///< ids, pieces or text
  std::string vocab;        ///< file of the vocabulary, or "model"
  std::string pre;          ///< replaces the vocabulary's pre-tokenizer, unless "-"
  std::string options;      ///< "special", "added" (too), or "-"
  std::string expected;     ///< a byte of each input's hash; 0: the reference has no answer
  std::uint32_t whole = 0;  ///< the hash of all hashes
};

inline std::string golden_folder(const std::string& name = "tokenizer") {
  return source_path("tests/golden/") + name + "/";
}

inline std::vector<std::string> golden_strings() {
  const std::string bytes = read_file(golden_folder() + "strings.bin");
  FixtureReader reader(bytes);
  std::vector<std::string_view> pieces(reader.size());
  for (std::string_view& piece : pieces) piece = reader.text();
  std::vector<std::string> strings(reader.size());
  for (std::string& text : strings) {
    for (std::size_t count = reader.size(); count > 0; --count) text += pieces.at(reader.size());
  }
  return strings;
}

inline std::vector<GoldenCase> golden_cases(const std::string& folder = golden_folder()) {
  std::istringstream lines(read_file(folder + "cases.tsv"));
  std::string bytes = read_file(folder + "expected.bin");
  std::vector<GoldenCase> cases;
  GoldenCase next;
  std::size_t count = 0;
  std::size_t at = 0;
  while (lines >> next.kind >> next.vocab >> next.pre >> next.options >> count >> std::hex >>
         next.whole >> std::dec) {
    next.expected = bytes.substr(at, count);
    at += count;
    cases.push_back(next);
  }
  if (at != bytes.size()) throw std::runtime_error(folder + ": cases and expectations don't fit");
  return cases;
}

/// RFC 4648, with padding.
inline std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

/// The content of a file of tests/golden/tokenizer_json, where "@NAME" stands for that of another,
/// a charsmap's in base64.
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
    std::string content = read_file(folder + name);
    if (name.ends_with(".charsmap")) content = '"' + base64(content) + '"';
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
inline constexpr std::size_t kGoldenStride = kSanitized ? 4 : 1;

/// Compares the hashes of a case's inputs, one after the other from the first (or every stride-th),
/// with those recorded.
class GoldenComparison {
 public:
  explicit GoldenComparison(const GoldenCase& golden) : golden_(golden) {}

  /// `show` says what was made of input `i`; at most a few of the differences are printed.
  template <class F>
  void add(std::size_t i, std::uint32_t hash, F show) {
    const auto expected = static_cast<unsigned char>(golden_.expected[i]);
    whole_.add(expected == 0 ? 0 : hash);
    if (expected == 0) return;
    ++compared_;
    if (expected != 1 + hash % 255 && ++different_ <= 3)
      ADD_FAILURE() << "input " << i << ": " << show();
  }

  void finish() const {
    EXPECT_EQ(different_, 0U) << "of " << compared_;
    EXPECT_GT(compared_, golden_.expected.size() / kGoldenStride / 3);
    if (kGoldenStride > 1 || different_ > 0) return;
    EXPECT_EQ(whole_.value(), golden_.whole)
        << "an input differs, which its byte happens not to tell; tools/make_tokenizer_golden.py "
           "makes whole hashes";
  }

 private:
  const GoldenCase& golden_;
  GoldenHash whole_;
  std::size_t compared_ = 0;
  std::size_t different_ = 0;
};

/// Runs one case of kind ids or text.
inline void expect_golden(const GoldenCase& golden, const Tokenizer& tokenizer,
                          const std::vector<std::string>& strings) {
  SCOPED_TRACE(golden.kind + " " + golden.vocab + " " + golden.pre + " " + golden.options);
  GoldenComparison comparison(golden);
  if (golden.kind == "ids") {
    ASSERT_LE(golden.expected.size(), strings.size());
    const TokenizeOptions options{.parse_special = golden.options != "-",
                                  .add_special = golden.options == "added"};
    for (std::size_t i = 0; i < golden.expected.size(); i += kGoldenStride) {
      const auto ids = tokenizer.tokenize(strings[i], options);
      comparison.add(i, golden_hash(ids),
                     [&] { return quoted(strings[i], 400) + " gave " + shown(tokenizer, ids); });
    }
  } else {
    const auto inputs = golden_ids(golden.expected.size(), tokenizer.vocabulary().size());
    for (std::size_t i = 0; i < inputs.size(); i += kGoldenStride) {
      GoldenHash hash;
      const std::string text = streamed(tokenizer, inputs[i]);
      hash.add(text);
      comparison.add(i, hash.value(),
                     [&] { return shown(tokenizer, inputs[i]) + " gave " + quoted(text, 400); });
    }
  }
  comparison.finish();
}

}  // namespace sirocco
