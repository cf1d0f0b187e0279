// Each member of a request: what is accepted, and how what isn't is refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/anthropic/messages_request.hpp"
#include "sirocco/server/request_testing.hpp"

namespace sirocco::anthropic {
namespace {

using json_testing::Refusal;
using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// Members that a request needs, without the one of that name.
std::string needed(std::string_view without, bool count) {
  std::string out;
  if (without != "messages") out += R"("messages":[{"role":"user","content":"Hi"}],)";
  if (without != "max_tokens" && !count) out += R"("max_tokens":5,)";
  return out;
}

std::optional<Refusal> refused_with(std::string_view name, std::string_view value) {
  return refusal_of(
      [&] { read_messages_request(json::parse(body_with(needed(name, false), name, value))); });
}
std::optional<Refusal> count_refused_with(std::string_view name, std::string_view value) {
  return refusal_of(
      [&] { read_count_request(json::parse(body_with(needed(name, true), name, value))); });
}

// Members of counts, too.
constexpr AcceptedMember kAcceptedOfPrompts[] = {
    {"messages", R"([{"role":"user","content":"a"}])"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a","citations":null,
                      "cache_control":{"type":"ephemeral","ttl":"1h"}}]}])"},
    {"messages", R"([{"role":"user","content":""}])"},
    {"messages", R"([{"role":"user","content":[]}])"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a","citations":[]}]}])"},
    {"model", R"("m")"},
    {"model", "null"},
    {"system", R"("s")"},
    {"system", R"([{"type":"text","text":"s","cache_control":null}])"},
    {"thinking", R"({"type":"disabled"})"},
    {"thinking", "null"},
    {"cache_control", R"({"type":"ephemeral"})"},
    {"tools", "[]"},
    {"tool_choice", R"({"type":"auto"})"},
    {"tool_choice", R"({"type":"none"})"},
    {"output_config", "{}"},
    {"output_format", "null"},
    {"mcp_servers", "[]"},
    {"context_management", "{}"},
    {"speed", R"("standard")"},
};
constexpr AcceptedMember kAccepted[] = {
    {"max_tokens", "1"},
    {"max_tokens", "16777216"},
    {"stop_sequences", "[]"},
    {"stop_sequences", R"(["a","\n\n"])"},
    {"metadata", "{}"},
    {"metadata", R"({"user_id":"u"})"},
    {"metadata", R"({"user_id":null})"},
    {"temperature", "0"},
    {"temperature", "1.0"},
    {"top_p", "0.5"},
    {"top_k", "40"},
    {"min_p", "0.05"},
    {"typical_p", "1"},
    {"repetition_penalty", "1.1"},
    {"repeat_penalty", "1.1"},
    {"repeat_last_n", "-1"},
    {"presence_penalty", "-2"},
    {"frequency_penalty", "2"},
    {"logit_bias", R"({"0":-100})"},
    {"min_tokens", "0"},
    {"seed", "7"},
    {"stream", "true"},
    {"ignore_eos", "true"},
    {"cache_prompt", "false"},
    {"priority", "-7"},
    {"timeout", "0.5"},
    {"service_tier", R"("auto")"},
    {"service_tier", R"("standard_only")"},
    {"container", "null"},
    {"inference_geo", "null"},
};

constexpr RefusedMember kRefusedOfPrompts[] = {
    {"messages", "null", "messages", "missing_required_parameter"},
    {"messages", "[]", "messages", "invalid_value"},
    {"messages", R"("Hi")", "messages", "invalid_type"},
    {"messages", "[3]", "messages[0]", "invalid_type"},
    {"messages", R"([{"role":"user"}])", "messages[0]", "missing_required_parameter"},
    {"messages", R"([{"content":"a"}])", "messages[0]", "missing_required_parameter"},
    {"messages", R"([{"role":"system","content":"a"}])", "messages[0].role", "invalid_value"},
    {"messages", R"([{"role":"user","content":5}])", "messages[0].content", "invalid_type"},
    {"messages", R"([{"role":"user","content":"a","name":"b"}])", "messages[0].name",
     "unknown_parameter"},
    {"messages", R"([{"role":"user","content":[{"type":"document","source":{}}]}])",
     "messages[0].content[0].type", "unsupported_value"},
    {"messages", R"([{"role":"user","content":[{"type":"document","source":{}}]}])",
     "messages[0].content[0].type", "unsupported_value"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a"},{"text":"a"}]}])",
     "messages[0].content[1]", "missing_required_parameter"},
    {"messages", R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0]",
     "missing_required_parameter"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a","x":1}]}])",
     "messages[0].content[0].x", "unknown_parameter"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a","citations":[1]}]}])",
     "messages[0].content[0].citations", "unsupported_value"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a","cache_control":1}]}])",
     "messages[0].content[0].cache_control", "unsupported_value"},
    {"messages", R"([{"role":"assistant","content":""}])", "messages", "invalid_value"},
    {"messages", R"([{"role":"user","content":"a"},{"role":"assistant","content":"b "}])",
     "messages[1]", "invalid_value"},
    {"messages", R"([{"role":"user","content":"a"},{"role":"assistant","content":"\n"}])",
     "messages[1]", "invalid_value"},
    {"model", "3", "model", "invalid_type"},
    {"system", "3", "system", "invalid_type"},
    {"system", R"([{"type":"document"}])", "system[0].type", "unsupported_value"},
    {"thinking", R"({"type":"enabled","budget_tokens":1024})", "thinking.type",
     "unsupported_value"},
    {"thinking", R"({"type":"adaptive"})", "thinking.type", "unsupported_value"},
    {"thinking", "{}", "thinking", "missing_required_parameter"},
    {"thinking", R"({"type":"disabled","budget_tokens":1024})", "thinking.budget_tokens",
     "unknown_parameter"},
    {"thinking", "true", "thinking", "invalid_type"},
    {"cache_control", R"("ephemeral")", "cache_control", "unsupported_value"},
    {"tools", R"([{"name":"f","input_schema":{}}])", "tools", "unsupported_value"},
    {"tool_choice", R"({"type":"any"})", "tool_choice", "unsupported_value"},
    {"output_config", R"({"format":{}})", "output_config", "unsupported_value"},
    {"output_format", "{}", "output_format", "unsupported_value"},
    {"mcp_servers", "[{}]", "mcp_servers", "unsupported_value"},
    {"context_management", R"({"edits":[]})", "context_management", "unsupported_value"},
    {"speed", R"("fast")", "speed", "unsupported_value"},
    {"mesages", "[]", "mesages", "unknown_parameter"},
};
constexpr RefusedMember kRefused[] = {
    {"max_tokens", "null", "max_tokens", "missing_required_parameter"},
    {"max_tokens", "0", "max_tokens", "invalid_value"},
    {"max_tokens", "-1", "max_tokens", "invalid_value"},
    {"max_tokens", "1.5", "max_tokens", "invalid_type"},
    {"stop_sequences", R"("a")", "stop_sequences", "invalid_type"},
    {"stop_sequences", R"(["a",""])", "stop_sequences[1]", "invalid_value"},
    {"stop_sequences", "[3]", "stop_sequences[0]", "invalid_type"},
    {"metadata", R"({"user":"u"})", "metadata.user", "unknown_parameter"},
    {"metadata", R"({"user_id":3})", "metadata.user_id", "unsupported_value"},
    {"metadata", R"("u")", "metadata", "invalid_type"},
    {"temperature", "1.1", "temperature", "invalid_value"},
    {"temperature", "-0.1", "temperature", "invalid_value"},
    {"top_p", "2", "top_p", "invalid_value"},
    {"top_k", "-2", "top_k", "invalid_value"},
    {"min_p", "2", "min_p", "invalid_value"},
    {"typical_p", "0", "typical_p", "invalid_value"},
    {"repetition_penalty", "0", "repetition_penalty", "invalid_value"},
    {"repeat_penalty", "0", "repeat_penalty", "invalid_value"},
    {"repeat_last_n", "-2", "repeat_last_n", "invalid_value"},
    {"presence_penalty", "3", "presence_penalty", "invalid_value"},
    {"frequency_penalty", "3", "frequency_penalty", "invalid_value"},
    {"logit_bias", "3", "logit_bias", "invalid_type"},
    {"min_tokens", "6", "min_tokens", "invalid_value"},
    {"seed", "0.5", "seed", "invalid_type"},
    {"stream", "1", "stream", "invalid_type"},
    {"ignore_eos", "1", "ignore_eos", "invalid_type"},
    {"cache_prompt", "1", "cache_prompt", "invalid_type"},
    {"priority", "0.5", "priority", "invalid_type"},
    {"timeout", "0", "timeout", "invalid_value"},
    {"service_tier", R"("priority")", "service_tier", "unsupported_value"},
    {"container", R"("c")", "container", "unsupported_value"},
    {"inference_geo", R"("us")", "inference_geo", "unsupported_value"},
    {"n", "2", "n", "unknown_parameter"},
    {"stop", R"(["a"])", "stop", "unknown_parameter"},
};

template <class Row, std::size_t A, std::size_t B>
std::vector<Row> together(const Row (&a)[A], const Row (&b)[B]) {
  std::vector<Row> out(std::begin(a), std::end(a));
  out.insert(out.end(), std::begin(b), std::end(b));
  return out;
}

TEST(MessagesMembers, AreAccepted) {
  const auto rows = together(kAcceptedOfPrompts, kAccepted);
  for (const auto& [name, value] : rows) {
    const auto refusal = refused_with(name, value);
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_messages_members(), rows), IsEmpty());
}

TEST(MessagesMembers, AreRefusedByName) {
  const auto rows = together(kRefusedOfPrompts, kRefused);
  for (const auto& [name, value, param, code] : rows) {
    const auto refusal = refused_with(name, value);
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << *refusal;
    EXPECT_EQ(refusal->code, code) << *refusal;
    // Anthropic's shape of an error has no other place for it.
    EXPECT_THAT(refusal->message, StartsWith(std::string(param)));
  }
  EXPECT_THAT(request_testing::members_without_row(describe_messages_members(), rows), IsEmpty());
}

TEST(MessagesMembers, OfCounts) {
  for (const auto& [name, value] : kAcceptedOfPrompts) {
    const auto refusal = count_refused_with(name, value);
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  for (const auto& [name, value, param, code] : kRefusedOfPrompts) {
    const auto refusal = count_refused_with(name, value);
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << *refusal;
    EXPECT_EQ(refusal->code, code) << *refusal;
  }
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = count_refused_with(name, value);
    const bool asks_nothing = value == "null";
    ASSERT_EQ(refusal.has_value(), !asks_nothing) << name << ": " << value;
    EXPECT_EQ(refusal ? refusal->code : "unknown_parameter", "unknown_parameter") << name;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_count_members(), kAcceptedOfPrompts),
              IsEmpty());
}

}  // namespace
}  // namespace sirocco::anthropic
