#pragma once

#include <string>

#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {

inline constexpr const char* kSpecial = "<e>";
inline constexpr int kSpecialId = 55;

/// A tokenizer.json for models of tests. Letters are 0 to 51, in the order of ASCII, a space is 52,
/// and the signs of the special token are 53 and 54: as text it is three tokens. The special token
/// comes behind them.
inline std::string letters_tokenizer_json(bool ends_texts) {
  Json vocabulary;
  for (int i = 0; i < 26; ++i) {
    vocabulary[std::string(1, static_cast<char>('A' + i))] = i;
    vocabulary[std::string(1, static_cast<char>('a' + i))] = 26 + i;
  }
  vocabulary[" "] = 52;
  vocabulary["<"] = 53;
  vocabulary[">"] = 54;
  Json json = {
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}},
      {"added_tokens",
       {{{"id", kSpecialId}, {"content", kSpecial}, {"special", true}, {"normalized", false}}}}};
  if (ends_texts) {
    const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    const Json end = {{"SpecialToken", {{"id", kSpecial}, {"type_id", 0}}}};
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", {text, end}},
        {"pair", {text, end}},
        {"special_tokens",
         {{kSpecial, {{"id", kSpecial}, {"ids", {kSpecialId}}, {"tokens", {kSpecial}}}}}}};
  }
  return json.dump();
}

}  // namespace sirocco::testing
