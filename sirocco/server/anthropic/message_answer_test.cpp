#include "sirocco/server/anthropic/message_answer.hpp"

#include <gtest/gtest.h>

#include "sirocco/server/shape_testing.hpp"

namespace sirocco::anthropic {
namespace {

using shape_testing::as_utf8;
using shape_testing::expect_shape;
using shape_testing::Json;
using shape_testing::kTimings;

const AnswerHead kHead{"msg_1", 1700000000, "m", "fp_1"};

AnswerTotals totals(std::string stop = "") {
  AnswerTotals out;
  out.usage = {.prompt = 10, .cached = 4, .generated = 3};
  out.timings = {.queued_s = 0.25, .first_s = 0.5, .rest_s = 0.125};
  out.stop_strings = {std::move(stop)};
  return out;
}

Json without_timings(const std::string& text) {
  Json read = Json::parse(text);
  EXPECT_EQ(read.erase("timings"), 1u);
  return read;
}

TEST(MessageAnswer, Body) {
  AnswerTotals with_warning = totals();
  with_warning.warnings = {"cut"};
  EXPECT_EQ(without_timings(message_body(kHead, {{"Hi\n\"", {}}, Finish::kStop}, with_warning)),
            Json::parse(R"({
      "id":"msg_1","type":"message","role":"assistant","model":"m",
      "content":[{"type":"text","text":"Hi\n\""}],
      "stop_reason":"end_turn","stop_sequence":null,
      "usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,
               "output_tokens":3},
      "warnings":["cut"]})"));
  EXPECT_EQ(Json::parse(message_body(kHead, {}, totals()))["content"],
            Json::parse(R"([{"type":"text","text":""}])"));
}

TEST(MessageAnswer, ReasonsToStop) {
  struct Case {
    Finish finish;
    std::string stop;
    Json reason;
    Json sequence;
  };
  const Case cases[] = {
      {Finish::kStop, "", "end_turn", nullptr},
      {Finish::kStop, "\n\n", "stop_sequence", "\n\n"},
      {Finish::kLength, "", "max_tokens", nullptr},
  };
  for (const Case& c : cases) {
    const Json whole = Json::parse(message_body(kHead, {{"a", {}}, c.finish}, totals(c.stop)));
    EXPECT_EQ(whole["stop_reason"], c.reason);
    EXPECT_EQ(whole["stop_sequence"], c.sequence);
    const Json delta = Json::parse(
        MessageStream(kHead, 10, "r").end_last(0, c.finish, totals(c.stop)).at(1).data)["delta"];
    EXPECT_EQ(delta, Json({{"stop_reason", c.reason}, {"stop_sequence", c.sequence}}));
  }
}

TEST(MessageAnswer, Stream) {
  const MessageStream stream(kHead, 10, "req-1");
  const auto begin = stream.begin(0);
  ASSERT_EQ(begin.size(), 3u);
  EXPECT_EQ(Json::parse(begin[0].data), Json::parse(R"({"type":"message_start","message":{
      "id":"msg_1","type":"message","role":"assistant","model":"m","content":[],
      "stop_reason":null,"stop_sequence":null,
      "usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,
               "output_tokens":0}}})"));
  EXPECT_EQ(Json::parse(begin[1].data), Json::parse(R"({"type":"content_block_start","index":0,
      "content_block":{"type":"text","text":""}})"));
  EXPECT_EQ(begin[2].data, R"({"type":"ping"})");
  EXPECT_EQ(Json::parse(stream.piece(0, {"é\r\n", {}}).data),
            Json::parse(R"({"type":"content_block_delta","index":0,
                            "delta":{"type":"text_delta","text":"é\r\n"}})"));
  const auto end = stream.end_last(0, Finish::kLength, totals());
  ASSERT_EQ(end.size(), 3u);
  EXPECT_EQ(end[0].data, R"({"type":"content_block_stop","index":0})");
  EXPECT_EQ(without_timings(end[1].data), Json::parse(R"({"type":"message_delta",
      "delta":{"stop_reason":"max_tokens","stop_sequence":null},
      "usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,
               "output_tokens":3}})"));
  EXPECT_EQ(end[2].data, R"({"type":"message_stop"})");
  EXPECT_EQ(Json::parse(stream.failed({503, "x", "", "y"}).data),
            Json::parse(R"({"type":"error","request_id":"req-1",
                            "error":{"type":"overloaded_error","message":"x"}})"));
}

// Clients go by the event's line, and then by the type within.
TEST(MessageAnswer, EventsHaveTheNamesOfTheirTypes) {
  const MessageStream stream(kHead, 10, "req-1");
  std::vector<NamedEvent> all = stream.begin(0);
  all.push_back(stream.piece(0, {"a", {}}));
  all.push_back(stream.silence());
  all.push_back(stream.failed({}));
  for (NamedEvent& event : stream.end_last(0, Finish::kStop, totals()))
    all.push_back(std::move(event));
  ASSERT_EQ(all.size(), 9u);
  for (const NamedEvent& event : all) EXPECT_EQ(Json::parse(event.data)["type"], event.name);
}

TEST(MessageAnswer, TokenCount) { EXPECT_EQ(token_count_body(7), R"({"input_tokens":7})"); }

TEST(MessageAnswerProperty, AnyTextsAndNumbersHaveTheShape) {
  const Json usage = Json::parse(R"({"input_tokens": "integer",
      "cache_creation_input_tokens": "integer", "cache_read_input_tokens": "integer",
      "output_tokens": "integer"})");
  EXPECT_TRUE(rc::check(
      [&](const std::string& id, const std::string& model, const std::string& text, bool ended) {
        const AnswerHead head{id, 1, model, "fp"};
        const AnswerTotals at_end = shape_testing::random_totals();
        const Finish finish = ended ? Finish::kStop : Finish::kLength;
        Json shape = Json::parse(R"({"id": "string", "type": "=message", "role": "=assistant",
        "model": "string", "content": [{"type": "=text", "text": "string"}],
        "stop_reason": "=end_turn|=max_tokens|=stop_sequence", "stop_sequence": "string|null",
        "warnings?": ["string"]})");
        shape["usage"] = usage;
        shape["timings"] = kTimings;
        const std::string body = message_body(head, {{text, {}}, finish}, at_end);
        expect_shape(body, shape);
        RC_ASSERT(Json::parse(body)["content"][0]["text"] == as_utf8(text));

        const MessageStream stream(head, 5, id);
        const Json piece = Json::parse(R"({"type": "=content_block_delta", "index": "integer",
        "delta": {"type": "=text_delta", "text": "string"}})");
        expect_shape(stream.piece(0, {text, {}}).data, piece);
        Json delta = Json::parse(R"({"type": "=message_delta", "warnings?": ["string"],
        "delta": {"stop_reason": "string", "stop_sequence": "string|null"}})");
        delta["usage"] = usage;
        delta["timings"] = kTimings;
        expect_shape(stream.end_last(0, finish, at_end)[1].data, delta);
        expect_shape(stream.failed({500, text, id, "x"}).data,
                     Json::parse(R"({"type": "=error", "request_id": "string",
                                 "error": {"type": "string", "message": "string"}})"));
      }));
}

}  // namespace
}  // namespace sirocco::anthropic
