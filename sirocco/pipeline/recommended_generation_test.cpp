#include "sirocco/pipeline/recommended_generation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/json_value.hpp"

namespace sirocco {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What holds where nothing is recommended.
SamplingParams usual() {
  SamplingParams p;
  p.temperature = 0.7f;
  p.top_k = 40;
  p.repetition_penalty = 1.05f;
  p.penalize_prompt = false;
  return p;
}

RecommendedGeneration recommended(std::string_view prefix, const std::string& json,
                                  std::int64_t vocabulary = 100) {
  JsonMetadata metadata("here");
  metadata.add(prefix, parse_json(json, "here"));
  metadata.finish();
  return recommended_generation(metadata, usual(), vocabulary);
}

SamplingParams sampling(std::string_view prefix, const std::string& json) {
  return recommended(prefix, json).sampling;
}

std::string refusal(const std::string& json) {
  try {
    recommended("generation_config", json);
  } catch (const FormatError& e) {
    return e.what();
  }
  return "accepted";
}

std::vector<std::vector<int>> numbers(const std::vector<std::vector<TokenId>>& sequences) {
  std::vector<std::vector<int>> out;
  for (const auto& sequence : sequences) {
    out.emplace_back();
    for (const TokenId id : sequence) out.back().push_back(id.value());
  }
  return out;
}

TEST(RecommendedGeneration, OfAFolder) {
  const auto p = sampling("generation_config", R"({
    "bos_token_id": 1, "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95,
    "min_p": 0.01, "typical_p": 0.9, "repetition_penalty": 1.05, "max_new_tokens": 2048})");
  EXPECT_EQ(p.temperature, 0.6f);
  EXPECT_EQ(p.top_k, 20);
  EXPECT_EQ(p.top_p, 0.95f);
  EXPECT_EQ(p.min_p, 0.01f);
  EXPECT_EQ(p.typical_p, 0.9f);
  EXPECT_EQ(p.repetition_penalty, 1.05f);
  EXPECT_EQ(p.penalty_last_n, -1);
}

TEST(RecommendedGeneration, OfAFile) {
  const auto p = sampling("general.sampling", R"({
    "temp": 0, "top_k": 64, "top_p": 1, "min_p": 0.0, "penalty_last_n": 32,
    "penalty_repeat": 1.1})");
  EXPECT_EQ(p.temperature, 0.0f);
  EXPECT_EQ(p.top_k, 64);
  EXPECT_EQ(p.top_p, 1.0f);
  EXPECT_EQ(p.min_p, 0.0f);
  EXPECT_EQ(p.repetition_penalty, 1.1f);
  EXPECT_EQ(p.penalty_last_n, 32);
}

TEST(RecommendedGeneration, WhatItLeavesOutIsOff) {
  const auto p = sampling("generation_config", R"({"top_k": -1, "temperature": null})");
  EXPECT_EQ(p.temperature, 1.0f);
  EXPECT_EQ(p.top_k, 0);
  EXPECT_EQ(p.top_p, 1.0f);
  EXPECT_EQ(p.min_p, 0.0f);
  EXPECT_EQ(p.repetition_penalty, 1.0f);
}

TEST(RecommendedGeneration, WithoutAWordOnHowFreelyTheUsualHolds) {
  for (const char* json :
       {R"({})", R"({"eos_token_id": [1, 2], "top_p": null})", R"({"do_sample": true})",
        R"({"do_sample": null, "suppress_tokens": [1], "max_new_tokens": 5})"}) {
    const auto p = sampling("generation_config", json);
    EXPECT_EQ(p.temperature, 0.7f) << json;
    EXPECT_EQ(p.top_k, 40) << json;
    EXPECT_EQ(p.repetition_penalty, 1.05f) << json;
    EXPECT_EQ(p.penalty_last_n, 64) << json;
    EXPECT_FALSE(p.penalize_prompt) << json;
  }
  EXPECT_EQ(sampling("config", R"({"temperature": 0.5})").temperature, 0.7f);
  // A penalty is no such word, and is followed all the same.
  const auto p = sampling("generation_config", R"({"repetition_penalty": 1.2})");
  EXPECT_EQ(p.temperature, 0.7f);
  EXPECT_EQ(p.repetition_penalty, 1.2f);
  EXPECT_EQ(p.penalty_last_n, -1);
  EXPECT_TRUE(p.penalize_prompt);
  EXPECT_TRUE(sampling("general.sampling", R"({"penalty_repeat": 1.2})").penalize_prompt);
}

TEST(RecommendedGeneration, NotToSampleIsTheLikeliestToken) {
  for (const char* json :
       {R"({"do_sample": false})", R"({"do_sample": 0})",
        R"({"do_sample": false, "temperature": 0.6, "top_p": 0.9, "top_k": 20})"}) {
    const auto p = sampling("generation_config", json);
    EXPECT_EQ(p.temperature, 0.0f) << json;
    EXPECT_EQ(p.repetition_penalty, 1.0f) << json;
  }
  const auto p =
      sampling("generation_config", R"({"do_sample": false, "repetition_penalty": 1.1})");
  EXPECT_EQ(p.repetition_penalty, 1.1f);
  EXPECT_EQ(sampling("generation_config", R"({"do_sample": true, "temperature": 0.6})").temperature,
            0.6f);
  EXPECT_THAT(refusal(R"({"do_sample": "no"})"), HasSubstr("do_sample"));
}

TEST(RecommendedGeneration, RulesOfAFolder) {
  const auto all = recommended("generation_config", R"({
    "suppress_tokens": [3, 100, -1, 4], "begin_suppress_tokens": [7],
    "bad_words_ids": [[1], [], [2, 3], [2, 100], [9, 9, 9]],
    "sequence_bias": [[[5], -2], [[6, 7], 1.5], [[6, 100], 3.0]],
    "no_repeat_ngram_size": 3, "encoder_no_repeat_ngram_size": 4,
    "encoder_repetition_penalty": 1.5, "min_length": 8, "min_new_tokens": 9,
    "forced_bos_token_id": 11, "forced_eos_token_id": [12, 13],
    "exponential_decay_length_penalty": [10, 1.5], "stop_strings": ["a", "", "bc"]})");
  const LogitRules& rules = all.sampling.rules;
  EXPECT_THAT(rules.suppressed, ElementsAre(TokenId(3), TokenId(4)));
  EXPECT_THAT(rules.suppressed_at_begin, ElementsAre(TokenId(7)));
  EXPECT_THAT(
      numbers(rules.bad_words),
      testing::UnorderedElementsAre(ElementsAre(1), ElementsAre(2, 3), ElementsAre(9, 9, 9)));
  ASSERT_EQ(rules.sequence_bias.size(), 2U);
  EXPECT_EQ(rules.sequence_bias[0].bias, -2.0f);
  EXPECT_EQ(rules.sequence_bias[1].bias, 1.5f);
  EXPECT_THAT(rules.sequence_bias[1].tokens, ElementsAre(TokenId(6), TokenId(7)));
  EXPECT_EQ(rules.no_repeat_ngram, 3);
  EXPECT_EQ(rules.no_repeat_prompt_ngram, 4);
  EXPECT_EQ(rules.prompt_penalty, 1.5f);
  EXPECT_EQ(rules.min_length, 8);
  EXPECT_EQ(rules.min_new_tokens, 9);
  EXPECT_EQ(rules.forced_first, TokenId(11));
  EXPECT_THAT(rules.forced_last, ElementsAre(TokenId(12), TokenId(13)));
  ASSERT_TRUE(rules.length_decay);
  EXPECT_EQ(rules.length_decay->start, 10);
  EXPECT_EQ(rules.length_decay->factor, 1.5f);
  EXPECT_THAT(all.stop, ElementsAre("a", "bc"));
  EXPECT_NO_THROW(validate(all.sampling, 100));
  EXPECT_THAT(all.not_followed, IsEmpty());
  // Other ways to say it.
  const auto other = recommended("generation_config", R"({
    "suppress_tokens": 3, "forced_eos_token_id": 12, "stop_strings": "x",
    "exponential_decay_length_penalty": [10, 2]})");
  EXPECT_THAT(other.sampling.rules.suppressed, ElementsAre(TokenId(3)));
  EXPECT_THAT(other.sampling.rules.forced_last, ElementsAre(TokenId(12)));
  EXPECT_THAT(other.stop, ElementsAre("x"));
  EXPECT_EQ(other.sampling.rules.length_decay->factor, 2.0f);
}

TEST(RecommendedGeneration, SuppressedTokensOfAFile) {
  const auto all = recommended("tokenizer.ggml", R"({"suppress_tokens": [5, 6, 200]})");
  EXPECT_THAT(all.sampling.rules.suppressed, ElementsAre(TokenId(5), TokenId(6)));
  EXPECT_EQ(all.sampling.temperature, 0.7f);
}

TEST(RecommendedGeneration, LimitsOnAnAnswer) {
  const auto limit = [](const std::string& json, std::int64_t prompt) {
    return recommended("generation_config", json).limits.behind(prompt);
  };
  EXPECT_EQ(limit(R"({"max_new_tokens": 7})", 100), 7);
  EXPECT_EQ(limit(R"({"max_length": 20})", 12), 8);
  EXPECT_EQ(limit(R"({"max_length": 20, "max_new_tokens": 7})", 12), 7);
  EXPECT_EQ(limit(R"({"max_length": 20})", 20), std::nullopt);
  EXPECT_EQ(limit(R"({"max_length": 0, "max_new_tokens": -1})", 12), std::nullopt);
  EXPECT_EQ(limit(R"({})", 12), std::nullopt);
}

TEST(RecommendedGeneration, NamesWhatIsntFollowed) {
  EXPECT_THAT(recommended("generation_config", R"({
    "num_beams": 1, "num_beam_groups": 1, "diversity_penalty": 0.0, "length_penalty": 2.0,
    "early_stopping": true, "num_return_sequences": 1, "constraints": null, "penalty_alpha": 0,
    "guidance_scale": 1.0, "top_h": null, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0,
    "presence_penalty": 0, "remove_invalid_values": false, "token_healing": false,
    "watermarking_config": {}, "forced_decoder_ids": [], "max_time": null, "use_cache": true,
    "renormalize_logits": true, "pad_token_id": 0, "eos_token_id": [1, 2],
    "transformers_version": "5.24.0", "cache_implementation": "hybrid"})")
                  .not_followed,
              IsEmpty());
  EXPECT_THAT(recommended("generation_config", R"({
    "num_beams": 4, "length_penalty": 2.0, "early_stopping": "never", "penalty_alpha": 0.6,
    "guidance_scale": 1.5, "forced_decoder_ids": [[1, null], [2, 50359]], "top_h": 0.4,
    "epsilon_cutoff": 3e-4, "remove_invalid_values": true, "force_words_ids": [[[1, 2]]],
    "watermarking_config": {"bias": 2.5}, "dola_layers": "high", "presence_penalty": 1})")
                  .not_followed,
              ElementsAre("num_beams (4)", "length_penalty (2)", "early_stopping ('never')",
                          "force_words_ids", "penalty_alpha (0.6)", "dola_layers ('high')",
                          "guidance_scale (1.5)", "top_h (0.4)", "epsilon_cutoff (0.0003)",
                          "presence_penalty (1)", "forced_decoder_ids", "remove_invalid_values",
                          "watermarking_config"));
  EXPECT_THAT(
      recommended("general.sampling", R"({"mirostat": 2, "xtc_probability": 0.0})").not_followed,
      ElementsAre("general.sampling.mirostat (2)"));
}

TEST(RecommendedGeneration, ValuesOutOfRangeAreNamed) {
  for (const char* json : {R"({"temperature": -1})",
                           R"({"top_p": -0.1})",
                           R"({"top_p": 1.5})",
                           R"({"min_p": 2})",
                           R"({"repetition_penalty": 0})",
                           R"({"top_k": 4294967296})",
                           R"({"top_k": 0.9})",
                           R"({"typical_p": -0.5})",
                           R"({"no_repeat_ngram_size": -1})",
                           R"({"min_length": 1.5})",
                           R"({"encoder_repetition_penalty": 0})",
                           R"({"suppress_tokens": [1.5]})",
                           R"({"suppress_tokens": "all"})",
                           R"({"bad_words_ids": [1, 2]})",
                           R"({"bad_words_ids": [[1], "x"]})",
                           R"({"sequence_bias": {"64": -7.5}})",
                           R"({"sequence_bias": [[[64]]]})",
                           R"({"sequence_bias": [[[64], "much"]]})",
                           R"({"forced_eos_token_id": 100})",
                           R"({"forced_bos_token_id": [5, -2]})",
                           R"({"exponential_decay_length_penalty": [1]})",
                           R"({"exponential_decay_length_penalty": [1.5, 2]})",
                           R"({"exponential_decay_length_penalty": [1, 0]})",
                           R"({"stop_strings": [1]})"}) {
    EXPECT_THAT(refusal(json), HasSubstr("here: 'generation_config.")) << json;
  }
  EXPECT_THROW(recommended("generation_config", R"({"temperature": "hot"})"), FormatError);
}

/// Whatever a checkpoint may recommend, a sampler takes.
TEST(RecommendedGeneration, IsWhatASamplerTakes) {
  for (const char* json :
       {R"({"temperature": 100, "top_k": 2147483647, "top_p": 0, "min_p": 1})",
        R"({"temperature": 1e-45, "typical_p": 1.2e-38, "repetition_penalty": 1.2e-38})",
        R"({"no_repeat_ngram_size": 2147483647, "min_length": 2147483647,
            "min_new_tokens": 2147483647, "encoder_repetition_penalty": 1.2e-38,
            "exponential_decay_length_penalty": [2147483647, 1000]})"}) {
    EXPECT_NO_THROW(validate(sampling("generation_config", json), 100)) << json;
  }
}

TEST(RecommendedGeneration, ListsAreBounded) {
  const auto list = [](std::size_t count, const std::string& element) {
    std::string out = "[" + element;
    for (std::size_t i = 1; i < count; ++i) out += "," + element;
    return out + "]";
  };
  EXPECT_THAT(refusal(R"({"bad_words_ids": [)" + list(1025, "1") + "]}"), HasSubstr("1024 tokens"));
  EXPECT_THAT(refusal(R"({"bad_words_ids": )" + list(65537, "[1]") + "}"), HasSubstr("65536"));
  EXPECT_THAT(refusal(R"({"stop_strings": )" + list(65, "\"x\"") + "}"),
              HasSubstr("generation_config.stop_strings"));
}

}  // namespace
}  // namespace sirocco
