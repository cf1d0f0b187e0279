// Answers have the members that OpenAI's reference of its API names, and ours beside them, whatever
// their texts and numbers are.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sirocco/server/openai/answer_shapes_testing.hpp"
#include "sirocco/server/openai/chat_answer.hpp"
#include "sirocco/server/openai/completion_answer.hpp"
#include "sirocco/server/openai/embeddings.hpp"
#include "sirocco/server/openai/error_body.hpp"
#include "sirocco/server/openai/models.hpp"

namespace sirocco::openai {
namespace {

using openai_testing::as_utf8;
using openai_testing::expect_shape;
using openai_testing::Json;
using openai_testing::kChance;
using openai_testing::kTimings;
using openai_testing::Random;
using openai_testing::random_answer;
using openai_testing::with;

const Json kUsage = Json::parse(R"({
    "prompt_tokens": "integer", "completion_tokens": "integer", "total_tokens": "integer",
    "prompt_tokens_details": {"cached_tokens": "integer"}})");
Json chat_log_probabilities() {
  return {{"content", {with(kChance, "top_logprobs", Json::array({kChance}))}},
          {"refusal", "null"}};
}

Json completion_log_probabilities() {
  return {{"tokens", {"string"}},
          {"token_logprobs", {"number|null"}},
          {"top_logprobs", "any"},
          {"text_offset", {"integer"}}};
}

Json envelope(const std::string& object, const Json& choice) {
  Json shape = Json::parse(R"({"id": "string", "created": "integer", "model": "string",
      "system_fingerprint": "string", "warnings?": ["string"]})");
  shape["object"] = "=" + object;
  shape["choices"] = Json::array({choice});
  return shape;
}

Json choice(const std::string& of, const Json& inner, const Json& log_probabilities,
            const std::string& finish) {
  return {{"index", "integer"},
          {of, inner},
          {"logprobs", log_probabilities},
          {"finish_reason", finish}};
}

const Json kMessage =
    Json::parse(R"({"role": "=assistant", "content": "string", "refusal": "null"})");

TEST(AnswerShapes, Chat) {
  EXPECT_TRUE(rc::check([] {
    const Random answer = random_answer();
    const Json log_probabilities =
        answer.log_probabilities ? chat_log_probabilities() : Json("null");
    Json shape = envelope("chat.completion",
                          choice("message", kMessage, log_probabilities, "=stop|=length"));
    shape["usage"] = kUsage;
    shape["timings"] = kTimings;
    const std::string body =
        chat_body(answer.head, answer.choices, answer.totals, answer.log_probabilities);
    expect_shape(body, shape);
    const Json read = Json::parse(body);
    RC_ASSERT(read["choices"].size() == answer.choices.size());
    for (std::size_t i = 0; i < answer.choices.size(); ++i) {
      RC_ASSERT(read["choices"][i]["message"]["content"] == as_utf8(answer.choices[i].whole.text));
    }
  }));
}

TEST(AnswerShapes, ChatStream) {
  EXPECT_TRUE(rc::check([](bool include_usage) {
    const Random answer = random_answer();
    const ChatStream stream(answer.head, {include_usage, answer.log_probabilities});
    const auto chunk = [&](const char* delta, const Json& log_probabilities, const char* finish) {
      Json shape = envelope("chat.completion.chunk",
                            choice("delta", Json::parse(delta), log_probabilities, finish));
      if (include_usage) shape["usage"] = "null";
      return shape;
    };
    const AnswerPiece& piece = answer.choices[0].whole;
    expect_shape(stream.begin(0),
                 chunk(R"({"role":"=assistant","content":"=","refusal":"null"})", "null", "null"));
    expect_shape(stream.piece(0, piece),
                 chunk(R"({"content":"string"})",
                       answer.log_probabilities ? chat_log_probabilities() : Json("null"), "null"));
    const Json end = chunk("{}", "null", "=stop|=length");
    expect_shape(stream.end(0, answer.choices[0].finish), end);
    const auto last = stream.end_last(0, answer.choices[0].finish, answer.totals);
    if (include_usage) {
      expect_shape(last[0], end);
      Json shape = with(with(end, "usage", kUsage), "timings", kTimings);
      expect_shape(last[1], shape);
      RC_ASSERT(Json::parse(last[1])["choices"].empty());
    } else {
      expect_shape(last[0], with(end, "timings", kTimings));
    }
    RC_ASSERT(last.back() == "[DONE]");
  }));
}

TEST(AnswerShapes, Completion) {
  EXPECT_TRUE(rc::check([](bool include_usage) {
    const Random answer = random_answer();
    const Json log_probabilities =
        answer.log_probabilities ? completion_log_probabilities() : Json("null");
    const Json whole =
        with(with(envelope("text_completion",
                           choice("text", "string", log_probabilities, "=stop|=length")),
                  "usage", kUsage),
             "timings", kTimings);
    const auto without_chances = [](const std::string& text) {
      // Their names are the tokens.
      Json value = Json::parse(text);
      for (Json& one : value["choices"]) {
        if (one["logprobs"].is_null()) continue;
        for (const Json& chances : one["logprobs"]["top_logprobs"]) {
          RC_ASSERT(chances.is_null() || chances.is_object());
          for (const auto& [name, chance] : chances.items())
            RC_ASSERT(chance.is_number() || chance.is_null());
        }
        one["logprobs"]["top_logprobs"] = "any";
      }
      return value.dump();
    };
    Json shape = whole;
    if (answer.log_probabilities) shape["choices"][0]["logprobs"]["top_logprobs"] = "=any";
    expect_shape(without_chances(completion_body(answer.head, answer.choices, answer.totals,
                                                 answer.log_probabilities)),
                 shape);

    CompletionStream stream(answer.head, {.choices = static_cast<int>(answer.choices.size()),
                                          .include_usage = include_usage,
                                          .log_probabilities = answer.log_probabilities});
    shape.erase("usage");
    shape.erase("timings");
    shape["choices"][0]["finish_reason"] = "null";
    if (include_usage) shape["usage"] = "null";
    for (std::size_t i = 0; i < answer.choices.size(); ++i) {
      expect_shape(without_chances(stream.piece(static_cast<int>(i), answer.choices[i].whole)),
                   shape);
    }
    shape["choices"][0]["logprobs"] = "null";
    shape["choices"][0]["finish_reason"] = "=stop|=length";
    const auto last = stream.end_last(0, answer.choices[0].finish, answer.totals);
    expect_shape(last[0], include_usage ? shape : with(shape, "timings", kTimings));
    if (include_usage)
      expect_shape(last[1], with(with(shape, "usage", kUsage), "timings", kTimings));
    RC_ASSERT(last.back() == "[DONE]");
  }));
}

TEST(AnswerShapes, Embeddings) {
  EXPECT_TRUE(rc::check([](const std::string& model, const std::vector<std::vector<float>>& all) {
    Json shape = Json::parse(R"({"object": "=list", "model": "string",
        "data": [{"object": "=embedding", "index": "integer", "embedding": ["number"]}],
        "usage": {"prompt_tokens": "integer", "total_tokens": "integer"}})");
    expect_shape(embeddings_body(model, all, EmbeddingFormat::kNumbers, 7), shape);
    shape["data"][0]["embedding"] = "string";
    expect_shape(embeddings_body(model, all, EmbeddingFormat::kBase64, 7), shape);
  }));
}

TEST(AnswerShapes, ModelsAndErrors) {
  EXPECT_TRUE(rc::check([](const std::string& text, std::int64_t number) {
    const Json card = Json::parse(R"({"id": "string", "object": "=model", "created": "integer",
        "owned_by": "string", "max_model_len": "integer", "capabilities": ["string"]})");
    expect_shape(model_body({text, number, number, {"chat", "embedding"}}), card);
    const Json list = {{"object", "=list"}, {"data", {card}}};
    expect_shape(models_body(std::vector<ModelCard>(2, {text, 1, 2, {"completion"}})), list);
    const Json error = Json::parse(R"({"error": {"message": "string", "type": "string",
        "param": "string|null", "code": "string"}})");
    expect_shape(error_body({400, text, text, text}), error);
  }));
}

}  // namespace
}  // namespace sirocco::openai
