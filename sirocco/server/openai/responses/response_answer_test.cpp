// Responses and the events of their streams have the members that OpenAI's reference names, and
// ours beside them, whatever their texts and numbers are.

#include "sirocco/server/openai/responses/response_answer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "sirocco/server/openai/answer_shapes_testing.hpp"

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

Json tokens_shape() { return Json::array({with(kChance, "top_logprobs", Json::array({kChance}))}); }

Json part_shape() {
  return {{"type", "=output_text"},
          {"text", "string"},
          {"annotations", Json::array({"null"})},
          {"logprobs", tokens_shape()}};
}

Json item_shape(const std::string& status) {
  return {{"id", "string"},
          {"type", "=message"},
          {"status", "=" + status},
          {"role", "=assistant"},
          {"content", Json::array({part_shape()})}};
}

const Json kUsage = Json::parse(R"({
    "input_tokens": "integer", "output_tokens": "integer", "total_tokens": "integer",
    "input_tokens_details": {"cached_tokens": "integer", "cache_write_tokens": "integer"},
    "output_tokens_details": {"reasoning_tokens": "integer"}})");

/// Of a response in this state; `item` is the status of its output.
Json response_shape(const std::string& status, const std::string& item) {
  Json shape = Json::parse(R"({
      "id": "string", "object": "=response", "created_at": "integer", "completed_at": "null",
      "error": "null", "incomplete_details": "null", "model": "string",
      "system_fingerprint": "string", "instructions": "string|null",
      "previous_response_id": "string|null", "max_output_tokens": "integer|null",
      "max_tool_calls": "null", "temperature": "number", "top_p": "number",
      "top_logprobs": "integer", "parallel_tool_calls": "boolean", "tool_choice": "=auto|=none",
      "tools": ["null"], "text": {"format": {"type": "=text"}, "verbosity": "=medium"},
      "reasoning": {"effort": "string|null", "summary": "null"}, "truncation": "=disabled",
      "background": "boolean", "store": "boolean", "service_tier": "=default",
      "user": "string|null", "safety_identifier": "string|null",
      "prompt_cache_key": "string|null", "usage": "null"})");
  shape["status"] = "=" + status;
  shape["output"] = Json::array({item_shape(item)});
  shape["metadata"] = {{"a?", "string"}, {"b?", "string"}};
  if (status == "completed") shape["completed_at"] = "integer";
  if (status == "incomplete") shape["incomplete_details"] = {{"reason", "=max_output_tokens"}};
  if (status == "failed") shape["error"] = {{"code", "string"}, {"message", "string"}};
  if (status == "completed" || status == "incomplete") {
    shape["usage"] = kUsage;
    shape["timings"] = kTimings;
    shape["warnings?"] = Json::array({"string"});
  }
  return shape;
}

std::optional<std::string> random_text() {
  return *rc::gen::arbitrary<bool>() ? std::optional(*rc::gen::arbitrary<std::string>())
                                     : std::nullopt;
}

ResponseHead random_head(const Random& answer) {
  ResponseHead head;
  head.answer = answer.head;
  head.message_id = *rc::gen::arbitrary<std::string>();
  head.temperature = static_cast<float>(*rc::gen::inRange(0, 9)) / 7;
  ResponseTerms& terms = head.terms;
  for (auto* text : {&terms.instructions, &terms.previous_response_id, &terms.reasoning_effort,
                     &terms.user, &terms.safety_identifier, &terms.prompt_cache_key})
    *text = random_text();
  if (*rc::gen::arbitrary<bool>())
    terms.metadata.emplace_back("a", *rc::gen::arbitrary<std::string>());
  if (*rc::gen::arbitrary<bool>()) terms.metadata.emplace_back("b", "c");
  if (*rc::gen::arbitrary<bool>()) terms.max_output_tokens = *rc::gen::inRange(1, 99);
  if (*rc::gen::arbitrary<bool>()) terms.alternatives = *rc::gen::inRange(0, 20);
  terms.tool_choice = *rc::gen::element<std::string>("auto", "none");
  terms.parallel_tool_calls = *rc::gen::arbitrary<bool>();
  terms.store = *rc::gen::arbitrary<bool>();
  return head;
}

std::string status_of(Finish finish) {
  return finish == Finish::kStop ? "completed" : "incomplete";
}

TEST(ResponseAnswer, Body) {
  EXPECT_TRUE(rc::check([] {
    const Random answer = random_answer();
    const ResponseHead head = random_head(answer);
    const auto& [whole, finish] = answer.choices[0];
    const std::string status = status_of(finish);
    const std::string body = response_body(head, whole, {finish, answer.totals, 7});
    expect_shape(body, response_shape(status, status));
    const Json read = Json::parse(body);
    RC_ASSERT(read["id"] == as_utf8(head.answer.id));
    RC_ASSERT(read["output"].size() == 1u);
    RC_ASSERT(read["output"][0]["id"] == as_utf8(head.message_id));
    RC_ASSERT(read["output"][0]["content"].size() == 1u);
    RC_ASSERT(read["output"][0]["content"][0]["text"] == as_utf8(whole.text));
    RC_ASSERT(read["output"][0]["content"][0]["logprobs"].size() == whole.tokens.size());
    RC_ASSERT(read["store"] == head.terms.store);
    RC_ASSERT(read["metadata"].size() == head.terms.metadata.size());
    RC_ASSERT(read["parallel_tool_calls"] == head.terms.parallel_tool_calls);
    RC_ASSERT(read["tool_choice"] == head.terms.tool_choice);
    RC_ASSERT(read["top_logprobs"] == head.terms.alternatives.value_or(0));
    RC_ASSERT(read["temperature"].get<float>() == head.temperature);
    RC_ASSERT(read["max_output_tokens"] ==
              (head.terms.max_output_tokens ? Json(*head.terms.max_output_tokens) : Json()));
    const auto told = [](const std::optional<std::string>& text) {
      return text ? Json(as_utf8(*text)) : Json();
    };
    RC_ASSERT(read["instructions"] == told(head.terms.instructions));
    RC_ASSERT(read["previous_response_id"] == told(head.terms.previous_response_id));
    RC_ASSERT(read["reasoning"]["effort"] == told(head.terms.reasoning_effort));
    RC_ASSERT(read["user"] == told(head.terms.user));
    RC_ASSERT(read["safety_identifier"] == told(head.terms.safety_identifier));
    RC_ASSERT(read["prompt_cache_key"] == told(head.terms.prompt_cache_key));
    const Usage& usage = answer.totals.usage;
    RC_ASSERT(read["usage"]["input_tokens"] == usage.prompt);
    RC_ASSERT(read["usage"]["input_tokens_details"]["cached_tokens"] == usage.cached);
    RC_ASSERT(read["usage"]["output_tokens"] == usage.generated);
    RC_ASSERT(read["usage"]["total_tokens"] == usage.prompt + usage.generated);
  }));
}

/// What follows from the order of events alone: their numbers, their names, and that each is about
/// the one item and the one part.
std::vector<Json> checked(const std::vector<NamedEvent>& events, std::int64_t first) {
  std::vector<Json> out;
  for (const NamedEvent& event : events) {
    const Json data = Json::parse(event.data);
    RC_ASSERT(data["type"] == std::string(event.name));
    RC_ASSERT(data["sequence_number"] == first + std::ssize(out));
    for (const char* index : {"output_index", "content_index"})
      if (data.contains(index)) RC_ASSERT(data[index] == 0);
    out.push_back(data);
  }
  return out;
}

Json event_shape(const std::string& type, const Json& members) {
  Json shape = members;
  shape["type"] = "=" + type;
  shape["sequence_number"] = "integer";
  return shape;
}

Json about_part(const std::string& type, Json members) {
  members["item_id"] = "string";
  members["output_index"] = "integer";
  members["content_index"] = "integer";
  return event_shape(type, members);
}

void expect_events(const std::vector<NamedEvent>& events, const std::vector<Json>& shapes) {
  RC_ASSERT(events.size() == shapes.size());
  for (std::size_t i = 0; i < events.size(); ++i) expect_shape(events[i].data, shapes[i]);
}

Json empty_response() { return with(response_shape("in_progress", ""), "output", {"null"}); }

std::vector<Json> beginning() {
  Json item = item_shape("in_progress");
  item["content"] = Json::array({"null"});
  return {event_shape("response.created", {{"response", empty_response()}}),
          event_shape("response.in_progress", {{"response", empty_response()}}),
          event_shape("response.output_item.added", {{"output_index", "integer"}, {"item", item}}),
          about_part("response.content_part.added", {{"part", part_shape()}})};
}

TEST(ResponseAnswer, Stream) {
  EXPECT_TRUE(rc::check([] {
    const Random answer = random_answer();
    const ResponseHead head = random_head(answer);
    ResponseStream stream(head);
    const std::vector<NamedEvent> begin = stream.begin();
    expect_events(begin, beginning());
    const auto begun = checked(begin, 0);
    RC_ASSERT(begun[2]["item"]["id"] == as_utf8(head.message_id));
    RC_ASSERT(begun[3]["part"]["text"] == "");
    RC_ASSERT(begun[3]["item_id"] == as_utf8(head.message_id));

    AnswerPiece whole;
    std::int64_t next = 4;
    for (const Choice& choice : answer.choices) {
      const std::vector<NamedEvent> events = stream.piece(choice.whole);
      expect_events(events, {about_part("response.output_text.delta",
                                        {{"delta", "string"}, {"logprobs", tokens_shape()}})});
      const auto said = checked(events, next++);
      RC_ASSERT(said[0]["delta"] == as_utf8(choice.whole.text));
      RC_ASSERT(said[0]["logprobs"].size() == choice.whole.tokens.size());
      RC_ASSERT(said[0]["item_id"] == as_utf8(head.message_id));
      whole.text += choice.whole.text;
      whole.tokens.insert(whole.tokens.end(), choice.whole.tokens.begin(),
                          choice.whole.tokens.end());
    }
    RC_ASSERT(stream.whole().text == whole.text);

    const ResponseEnd end{answer.choices[0].finish, answer.totals, 7};
    const std::string status = status_of(end.finish);
    const std::vector<NamedEvent> last = stream.end(end);
    expect_events(
        last, {about_part("response.output_text.done",
                          {{"text", "string"}, {"logprobs", tokens_shape()}}),
               about_part("response.content_part.done", {{"part", part_shape()}}),
               event_shape("response.output_item.done",
                           {{"output_index", "integer"}, {"item", item_shape(status)}}),
               event_shape("response." + status, {{"response", response_shape(status, status)}})});
    const auto done = checked(last, next);
    RC_ASSERT(done[0]["text"] == as_utf8(whole.text));
    RC_ASSERT(done[0]["logprobs"].size() == whole.tokens.size());
    RC_ASSERT(done[1]["part"]["text"] == as_utf8(whole.text));
    RC_ASSERT(done[0]["item_id"] == as_utf8(head.message_id));
    RC_ASSERT(done[1]["item_id"] == as_utf8(head.message_id));
    RC_ASSERT(done[2]["item"] == done[3]["response"]["output"][0]);
    RC_ASSERT(done[3]["response"] == Json::parse(response_body(head, whole, end)));
  }));
}

TEST(ResponseAnswer, FailuresEndAStream) {
  EXPECT_TRUE(rc::check([](bool begun, const std::string& text, const std::string& param) {
    const Random answer = random_answer();
    ResponseStream stream(random_head(answer));
    std::int64_t next = 0;
    if (begun) {
      next += std::ssize(stream.begin());
      stream.piece({"so far", {}});
      ++next;
    }
    const std::vector<NamedEvent> events = stream.failed({500, text, param, "internal_error"});
    Json failed = response_shape("failed", "incomplete");
    if (!begun) failed["output"] = Json::array({"null"});
    std::vector<Json> shapes = {
        event_shape("error", {{"code", "string"}, {"message", "string"}, {"param", "string|null"}}),
        event_shape("response.failed", {{"response", failed}})};
    // Clients want every response to have been created.
    if (!begun) {
      const auto first = beginning();
      shapes.insert(shapes.begin(), first.begin(), first.begin() + 2);
    }
    expect_events(events, shapes);
    const auto read = checked(events, next);
    const Json& response = read.back()["response"];
    RC_ASSERT(response["error"]["code"] == "server_error");
    RC_ASSERT(response["error"]["message"] == as_utf8(text));
    const Json& error = read[read.size() - 2];
    RC_ASSERT(error["message"] == as_utf8(text));
    RC_ASSERT(error["code"] == "internal_error");
    RC_ASSERT(error["param"] == (param.empty() ? Json() : Json(as_utf8(param))));
    RC_ASSERT(response["output"].size() == (begun ? 1u : 0u));
    if (begun) RC_ASSERT(response["output"][0]["content"][0]["text"] == "so far");
  }));
}

TEST(ResponseAnswer, FailuresHaveOpenAIsCodes) {
  for (const auto& [status, code] : {std::pair(500, "server_error"),
                                     {503, "server_error"},
                                     {429, "rate_limit_exceeded"},
                                     {400, "invalid_prompt"}}) {
    const auto events = ResponseStream(ResponseHead()).failed({status, "a", "", "b"});
    EXPECT_EQ(Json::parse(events.back().data)["response"]["error"]["code"], code);
    EXPECT_EQ(Json::parse(events[events.size() - 2].data)["code"], "b");
  }
}

TEST(ResponseAnswer, TheOutputCanBeKept) {
  ResponseHead head;
  head.message_id = "msg_1";
  const MessageItem item = output_item(head, {"said", {}});
  EXPECT_EQ(item.id, "msg_1");
  EXPECT_EQ(item.role, Role::kAssistant);
  EXPECT_EQ(item.parts, std::vector<ItemPart>{std::string("said")});
}

}  // namespace
}  // namespace sirocco::openai
