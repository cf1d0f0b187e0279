#include "sirocco/pipeline/recommended_sampling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/json_metadata.hpp"
#include "sirocco/formats/json_value.hpp"

namespace sirocco {
namespace {

std::optional<SamplingParams> recommended(std::string_view prefix, const std::string& json) {
  JsonMetadata metadata("here");
  metadata.add(prefix, parse_json(json, "here"));
  metadata.finish();
  return recommended_sampling(metadata);
}

TEST(RecommendedSampling, OfAFolder) {
  const auto p = recommended("generation_config", R"({
    "bos_token_id": 1, "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95,
    "min_p": 0.01, "typical_p": 0.9, "repetition_penalty": 1.05, "max_new_tokens": 2048})");
  ASSERT_TRUE(p);
  EXPECT_EQ(p->temperature, 0.6f);
  EXPECT_EQ(p->top_k, 20);
  EXPECT_EQ(p->top_p, 0.95f);
  EXPECT_EQ(p->min_p, 0.01f);
  EXPECT_EQ(p->typical_p, 0.9f);
  EXPECT_EQ(p->repetition_penalty, 1.05f);
  EXPECT_EQ(p->penalty_last_n, -1);
}

TEST(RecommendedSampling, OfAFile) {
  const auto p = recommended("general.sampling", R"({
    "temp": 0, "top_k": 64, "top_p": 1, "min_p": 0.0, "penalty_last_n": 32,
    "penalty_repeat": 1.1})");
  ASSERT_TRUE(p);
  EXPECT_EQ(p->temperature, 0.0f);
  EXPECT_EQ(p->top_k, 64);
  EXPECT_EQ(p->top_p, 1.0f);
  EXPECT_EQ(p->min_p, 0.0f);
  EXPECT_EQ(p->repetition_penalty, 1.1f);
  EXPECT_EQ(p->penalty_last_n, 32);
}

TEST(RecommendedSampling, WhatItLeavesOutIsOff) {
  const auto p = recommended("generation_config", R"({"top_k": -1, "temperature": null})");
  ASSERT_TRUE(p);
  EXPECT_EQ(p->temperature, 1.0f);
  EXPECT_EQ(p->top_k, 0);
  EXPECT_EQ(p->top_p, 1.0f);
  EXPECT_EQ(p->min_p, 0.0f);
  EXPECT_FALSE(recommended("generation_config", R"({"eos_token_id": [1, 2], "top_p": null})"));
  EXPECT_FALSE(recommended("config", R"({"temperature": 0.5})"));
}

TEST(RecommendedSampling, ValuesOutOfRangeAreNamed) {
  for (const char* json :
       {R"({"temperature": -1})", R"({"top_p": 0})", R"({"top_p": 1.5})", R"({"min_p": 2})",
        R"({"repetition_penalty": 0})", R"({"top_k": 4294967296})", R"({"top_k": 0.9})",
        R"({"typical_p": -0.5})"}) {
    try {
      recommended("generation_config", json);
      ADD_FAILURE() << json;
    } catch (const FormatError& e) {
      EXPECT_THAT(e.what(), ::testing::HasSubstr("here: 'generation_config.")) << json;
    }
  }
  EXPECT_THROW(recommended("generation_config", R"({"temperature": "hot"})"), FormatError);
}

/// Whatever a checkpoint may recommend, a sampler takes.
TEST(RecommendedSampling, IsWhatASamplerTakes) {
  for (const char* json :
       {R"({"temperature": 100, "top_k": 2147483647, "top_p": 1.2e-38, "min_p": 1})",
        R"({"temperature": 1e-45, "typical_p": 1.2e-38, "repetition_penalty": 1.2e-38})"}) {
    EXPECT_NO_THROW(validate(*recommended("generation_config", json), 100)) << json;
  }
}

}  // namespace
}  // namespace sirocco
