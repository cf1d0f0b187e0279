#include "sirocco/server/openai/chat_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sirocco/server/openai/answer_parts.hpp"

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;

const AnswerHead kHead{"chatcmpl-1", 1700000000, "m", "fp_1"};

AnswerTotals totals() {
  AnswerTotals out;
  out.usage = {.prompt = 10, .cached = 4, .generated = 3};
  out.timings = {.queued_s = 0.25, .first_s = 0.5, .rest_s = 0.125};
  return out;
}

AnswerPiece smile() {
  const auto chance = [](int id, std::string bytes, float p) {
    return TokenChance{TokenId(id), std::move(bytes), p};
  };
  return {"a😀",
          {{chance(1, "a", -0.1f), {chance(1, "a", -0.1f), chance(2, "\x98", -3)}},
           {chance(7, "\xf0\x9f", -0.5f), {}},
           {chance(8, "\x98\x80", -std::numeric_limits<float>::infinity()), {}}}};
}

TEST(ChatAnswer, Body) {
  AnswerTotals with_warning = totals();
  with_warning.warnings = {"cut"};
  const std::vector<Choice> choices = {{{"Hi\n\"", {}}, Finish::kStop},
                                       {{"", {}}, Finish::kLength}};
  const Json body = Json::parse(chat_body(kHead, choices, with_warning, false));
  EXPECT_EQ(body, Json::parse(R"({
      "id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m",
      "system_fingerprint":"fp_1",
      "choices":[
        {"index":0,"message":{"role":"assistant","content":"Hi\n\"","refusal":null},
         "logprobs":null,"finish_reason":"stop"},
        {"index":1,"message":{"role":"assistant","content":"","refusal":null},
         "logprobs":null,"finish_reason":"length"}],
      "usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,
               "prompt_tokens_details":{"cached_tokens":4}},
      "timings":{"queued_ms":250,"cache_n":4,
        "prompt_n":6,"prompt_ms":500,"prompt_per_token_ms":83.33333333333333,
        "prompt_per_second":12,"predicted_n":3,"predicted_ms":125,"predicted_per_token_ms":62.5,
        "predicted_per_second":16},
      "warnings":["cut"]})"));
}

TEST(ChatAnswer, LogProbabilitiesOfEachToken) {
  const std::vector<Choice> choices = {{smile(), Finish::kStop}};
  const Json body = Json::parse(chat_body(kHead, choices, totals(), true));
  EXPECT_EQ(body["choices"][0]["logprobs"], Json::parse(R"({"content":[
      {"token":"a","id":1,"logprob":-0.1,"bytes":[97],"top_logprobs":[
        {"token":"a","id":1,"logprob":-0.1,"bytes":[97]},
        {"token":"\\x98","id":2,"logprob":-3,"bytes":[152]}]},
      {"token":"\\xf0\\x9f","id":7,"logprob":-0.5,"bytes":[240,159],"top_logprobs":[]},
      {"token":"\\x98\\x80","id":8,"logprob":-9999,"bytes":[152,128],"top_logprobs":[]}],
      "refusal":null})"));
}

TEST(ChatAnswer, Stream) {
  const ChatStream stream(kHead, {});
  EXPECT_EQ(stream.begin(0),
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
            R"("model":"m","system_fingerprint":"fp_1","choices":[{"index":0,"delta":)"
            R"({"role":"assistant","content":"","refusal":null},"logprobs":null,)"
            R"("finish_reason":null}]})");
  EXPECT_EQ(Json::parse(stream.piece(1, {"é\r\n", {}}))["choices"],
            Json::parse(R"([{"index":1,"delta":{"content":"é\r\n"},"logprobs":null,
                             "finish_reason":null}])"));
  EXPECT_EQ(Json::parse(stream.end(0, Finish::kLength))["choices"],
            Json::parse(R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}])"));
  const std::vector<std::string> last = stream.end_last(1, Finish::kStop, totals());
  ASSERT_EQ(last.size(), 2u);
  const Json chunk = Json::parse(last[0]);
  EXPECT_EQ(chunk["choices"],
            Json::parse(R"([{"index":1,"delta":{},"logprobs":null,"finish_reason":"stop"}])"));
  EXPECT_EQ(chunk["timings"]["prompt_n"], 6);
  EXPECT_FALSE(chunk.contains("usage"));
  EXPECT_EQ(last[1], "[DONE]");
}

TEST(ChatAnswer, StreamThatTellsTheUsage) {
  const ChatStream stream(kHead, {.include_usage = true, .log_probabilities = true});
  for (const std::string& data :
       {stream.begin(0), stream.piece(0, smile()), stream.end(0, Finish::kStop)}) {
    const Json chunk = Json::parse(data);
    ASSERT_TRUE(chunk.contains("usage"));
    EXPECT_TRUE(chunk["usage"].is_null());
    EXPECT_FALSE(chunk.contains("timings"));
  }
  EXPECT_EQ(Json::parse(stream.piece(0, smile()))["choices"][0]["logprobs"]["content"].size(), 3u);
  const std::vector<std::string> last = stream.end_last(0, Finish::kStop, totals());
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(Json::parse(last[0])["choices"][0]["finish_reason"], "stop");
  const Json chunk = Json::parse(last[1]);
  EXPECT_EQ(chunk["choices"], Json::array());
  EXPECT_EQ(chunk["object"], "chat.completion.chunk");
  EXPECT_EQ(chunk["usage"]["total_tokens"], 13);
  EXPECT_EQ(chunk["timings"]["predicted_n"], 3);
}

TEST(ChatAnswer, NothingIsDividedByZero) {
  const Json body = Json::parse(chat_body(kHead, {}, {}, false));
  EXPECT_EQ(body["timings"]["prompt_per_token_ms"], 0);
  EXPECT_EQ(body["timings"]["predicted_per_second"], 0);
  EXPECT_FALSE(body.contains("warnings"));
}

TEST(Answer, TokensAsText) {
  EXPECT_EQ(token_text("é"), "é");
  EXPECT_EQ(token_text("a\xc3"), "a\\xc3");
  EXPECT_EQ(token_text(""), "");
  EXPECT_EQ(told_log_probability(-20000.0f), -9999.0f);
  EXPECT_EQ(told_log_probability(std::nanf("")), -9999.0f);
  EXPECT_EQ(told_log_probability(-2.5f), -2.5f);
}

TEST(Answer, Endings) {
  EXPECT_EQ(std::get<Finish>(told({.reason = FinishReason::kStop})), Finish::kStop);
  EXPECT_EQ(std::get<Finish>(told({.reason = FinishReason::kLength})), Finish::kLength);
  EXPECT_EQ(std::get<Finish>(told({.reason = FinishReason::kContextFull})), Finish::kLength);
  EXPECT_EQ(std::get<Finish>(told({.reason = FinishReason::kCancelled})), Finish::kLength);
  const auto failed = std::get<ApiError>(told({.reason = FinishReason::kFailed,
                                               .error = ErrorKind::kNotANumber,
                                               .message = "NaN in layer 3"}));
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.message, "NaN in layer 3");
}

TEST(Answer, LimitsThatNobodyAskedFor) {
  EXPECT_EQ(limit_warning(Finish::kLength, std::nullopt, 2048),
            "the answer was cut at 2048 tokens, a limit that the request didn't ask for; "
            "max_tokens asks for another");
  EXPECT_EQ(limit_warning(Finish::kLength, 2048, 2048), "");
  EXPECT_EQ(limit_warning(Finish::kStop, std::nullopt, 2048), "");
}

}  // namespace
}  // namespace sirocco::openai
