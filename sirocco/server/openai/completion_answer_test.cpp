#include "sirocco/server/openai/completion_answer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;

const AnswerHead kHead{"cmpl-1", 1700000000, "m", "fp_1"};

TokenChance chance(int id, std::string bytes, std::optional<float> p) {
  return {TokenId(id), std::move(bytes), p};
}

/// A prompt of two tokens, and an answer that ends with a character in two tokens.
AnswerPiece echoed() {
  return {"Hé a😀!",
          {{chance(1, "H\xc3\xa9", std::nullopt), {}},
           {chance(2, " a", -0.25f), {chance(2, " a", -0.25f), chance(3, "b", -2)}},
           {chance(4, "\xf0\x9f", -1), {chance(9, "b", -0.5f), chance(8, "b", -0.75f)}},
           {chance(5, "\x98\x80", -1.5f), {}},
           {chance(6, "!", -2), {}}}};
}

const Json kLogProbabilities = Json::parse(R"({
    "tokens":["Hé"," a","\\xf0\\x9f","\\x98\\x80","!"],
    "token_logprobs":[null,-0.25,-1,-1.5,-2],
    "top_logprobs":[null,{" a":-0.25,"b":-2},{"b":-0.5,"\\xf0\\x9f":-1},{"\\x98\\x80":-1.5},{"!":-2}],
    "text_offset":[0,2,4,4,5]})");

AnswerTotals totals() {
  AnswerTotals out;
  out.usage = {.prompt = 2, .cached = 0, .generated = 3};
  return out;
}

TEST(CompletionAnswer, Body) {
  const std::vector<Choice> choices = {{echoed(), Finish::kStop}, {{"x", {}}, Finish::kLength}};
  const Json body = Json::parse(completion_body(kHead, choices, totals(), true));
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_EQ(body["id"], "cmpl-1");
  EXPECT_EQ(body["usage"]["total_tokens"], 5);
  EXPECT_TRUE(body.contains("timings"));
  ASSERT_EQ(body["choices"].size(), 2u);
  EXPECT_EQ(body["choices"][0], (Json{{"index", 0},
                                      {"text", "Hé a😀!"},
                                      {"logprobs", kLogProbabilities},
                                      {"finish_reason", "stop"}}));
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["choices"][1]["finish_reason"], "length");
  const Json plain = Json::parse(completion_body(kHead, choices, totals(), false));
  EXPECT_TRUE(plain["choices"][0]["logprobs"].is_null());
}

// What the pieces of a stream tell, in a row, is what the whole answer tells.
TEST(CompletionAnswer, OffsetsGoOnFromPieceToPiece) {
  const AnswerPiece whole = echoed();
  CompletionStream stream(kHead, {.choices = 2, .log_probabilities = true});
  Json offsets = Json::array();
  for (const AnswerToken& token : whole.tokens) {
    const Json other = Json::parse(stream.piece(0, {"z", {{chance(1, "z", -1), {}}}}));
    const Json chunk = Json::parse(stream.piece(1, {"", {token}}));
    EXPECT_EQ(other["choices"][0]["index"], 0);
    EXPECT_EQ(chunk["choices"][0]["index"], 1);
    EXPECT_TRUE(chunk["choices"][0]["finish_reason"].is_null());
    for (const Json& offset : chunk["choices"][0]["logprobs"]["text_offset"])
      offsets.push_back(offset);
  }
  EXPECT_EQ(offsets, kLogProbabilities["text_offset"]);
}

TEST(CompletionAnswer, Stream) {
  CompletionStream stream(kHead, {});
  EXPECT_EQ(stream.piece(0, {"a\n", {}}),
            R"({"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"m",)"
            R"("system_fingerprint":"fp_1","choices":[{"index":0,"text":"a\n","logprobs":null,)"
            R"("finish_reason":null}]})");
  const std::vector<std::string> last = stream.end_last(0, Finish::kLength, totals());
  ASSERT_EQ(last.size(), 2u);
  const Json chunk = Json::parse(last[0]);
  EXPECT_EQ(chunk["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(chunk["choices"][0]["text"], "");
  EXPECT_EQ(chunk["timings"]["predicted_n"], 3);
  EXPECT_EQ(last[1], "[DONE]");
}

TEST(CompletionAnswer, StreamThatTellsTheUsage) {
  CompletionStream stream(kHead, {.include_usage = true});
  EXPECT_TRUE(Json::parse(stream.piece(0, {"a", {}}))["usage"].is_null());
  EXPECT_TRUE(Json::parse(stream.end(0, Finish::kStop))["usage"].is_null());
  const std::vector<std::string> last = stream.end_last(0, Finish::kStop, totals());
  ASSERT_EQ(last.size(), 3u);
  const Json chunk = Json::parse(last[1]);
  EXPECT_EQ(chunk["choices"], Json::array());
  EXPECT_EQ(chunk["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(last[2], "[DONE]");
}

TEST(TextOffsets, CountCharacters) {
  TextOffsets offsets;
  EXPECT_EQ(offsets.push("\x80"), 0);  // what no character began
  EXPECT_EQ(offsets.push("é"), 0);
  EXPECT_EQ(offsets.push(""), 1);
  EXPECT_EQ(offsets.push("\xe2\x82"), 1);
  EXPECT_EQ(offsets.push("\xac"
                         "b"),
            1);
  EXPECT_EQ(offsets.push("c"), 3);
}

}  // namespace
}  // namespace sirocco::openai
