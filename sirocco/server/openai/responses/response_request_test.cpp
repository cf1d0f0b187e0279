#include "sirocco/server/openai/responses/response_request.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

ResponseRequest read(std::string_view body) { return read_response_request(json::parse(body)); }

/// A request with one more member than it needs.
ResponseRequest with(std::string_view name, std::string_view value) {
  return read(body_with(name == "input" ? "" : R"("input":"Hi",)", name, value));
}

/// The documented members that chat has not.
std::vector<json::MemberDescription> own_members() {
  std::vector<json::MemberDescription> shared;
  describe_generation(shared);
  json::describe(unheeded_members(), shared);
  std::vector<json::MemberDescription> all = describe_response_members();
  std::erase_if(all, [&](const json::MemberDescription& member) {
    return std::ranges::any_of(shared, [&](const auto& s) { return s.name == member.name; });
  });
  return all;
}

constexpr AcceptedMember kAccepted[] = {
    {"input", R"("Hi")"},
    {"input", R"([{"role":"user","content":"Hi"}])"},
    {"include", "[]"},
    {"include", R"(["message.output_text.logprobs"])"},
    {"include", R"(["reasoning.encrypted_content","web_search_call.action.sources"])"},
    {"top_logprobs", "0"},
    {"stream_options", "null"},
    {"chat_template_kwargs", R"({"enable_thinking":false})"},
    {"instructions", R"("")"},
    {"instructions", R"("Be brief.")"},
    {"instructions", "null"},
    {"previous_response_id", R"("resp_1")"},
    {"previous_response_id", "null"},
    {"store", "true"},
    {"store", "false"},
    {"store", "null"},
    {"metadata", "{}"},
    {"metadata", R"({"a":"b","c":""})"},
    {"reasoning", "{}"},
    {"reasoning", R"({"effort":"high","summary":"auto","generate_summary":null})"},
    {"reasoning", R"({"effort":null})"},
    {"text", "{}"},
    {"text", R"({"format":{"type":"text"},"verbosity":"medium"})"},
    {"tool_choice", R"("none")"},
    {"tool_choice", R"("auto")"},
    {"parallel_tool_calls", "false"},
    {"max_output_tokens", "1"},
    {"max_output_tokens", "-1"},
    {"tools", "[]"},
    {"max_tool_calls", "3"},
    {"truncation", R"("disabled")"},
    {"truncation", "null"},
    {"background", "false"},
    {"conversation", "null"},
    {"prompt", "null"},
    {"moderation", "null"},
    {"context_management", "[]"},
    {"n", "1"},
    // Members that all requests for answers have.
    {"temperature", "0.5"},
    {"top_p", "0.5"},
    {"top_k", "40"},
    {"seed", "5"},
    {"stop", R"(["a"])"},
    {"logit_bias", R"({"5":1})"},
    {"timeout", "5"},
    {"priority", "1"},
    {"user", R"("u")"},
    {"safety_identifier", R"("u")"},
    {"prompt_cache_key", R"("k")"},
    {"prompt_cache_retention", R"("in_memory")"},
    {"service_tier", R"("default")"},
};

TEST(ResponseRequest, AcceptsEachMember) {
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = refusal_of([&] { with(name, value); });
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(own_members(), kAccepted), IsEmpty());
}

constexpr RefusedMember kRefused[] = {
    {"input", "null", "input", "missing_required_parameter"},
    {"input", "[]", "input", "invalid_value"},
    {"include", R"("a")", "include", "invalid_type"},
    {"include", R"(["logprobs"])", "include[0]", "invalid_value"},
    {"include", R"(["message.output_text.logprobs",5])", "include[1]", "invalid_type"},
    {"top_logprobs", "21", "top_logprobs", "invalid_value"},
    {"top_logprobs", "-1", "top_logprobs", "invalid_value"},
    {"top_logprobs", "1", "top_logprobs", "invalid_value"},
    {"stream_options", R"({"include_obfuscation":true})", "stream_options", "invalid_value"},
    {"stream_options", R"({"include_obfuscation":1})", "stream_options.include_obfuscation",
     "unsupported_value"},
    {"stream_options", R"({"other":1})", "stream_options.other", "unknown_parameter"},
    {"chat_template_kwargs", R"({"a":[]})", "chat_template_kwargs.a", "invalid_type"},
    {"instructions", R"(["a"])", "instructions", "invalid_type"},
    {"previous_response_id", "5", "previous_response_id", "invalid_type"},
    {"store", R"("yes")", "store", "invalid_type"},
    {"metadata", "[]", "metadata", "invalid_type"},
    {"metadata", R"({"a":5})", "metadata.a", "invalid_type"},
    {"metadata", R"({"a":null})", "metadata.a", "invalid_type"},
    {"reasoning", R"({"effort":"huge"})", "reasoning.effort", "invalid_value"},
    {"reasoning", R"({"summary":"detailed"})", "reasoning.summary", "unsupported_value"},
    {"reasoning", R"({"other":1})", "reasoning.other", "unknown_parameter"},
    {"reasoning", R"("low")", "reasoning", "invalid_type"},
    {"text", R"({"format":{"type":"json_object"}})", "text.format.type", "unsupported_value"},
    {"text", R"({"format":{"type":"json_schema","name":"a","schema":{}}})", "text.format.type",
     "unsupported_value"},
    {"text", R"({"format":{}})", "text.format", "missing_required_parameter"},
    {"text", R"({"verbosity":"low"})", "text.verbosity", "unsupported_value"},
    {"text", R"({"other":1})", "text.other", "unknown_parameter"},
    {"tool_choice", R"("required")", "tool_choice", "invalid_value"},
    {"tool_choice", R"({"type":"function"})", "tool_choice", "invalid_value"},
    {"parallel_tool_calls", "1", "parallel_tool_calls", "invalid_type"},
    {"max_output_tokens", "0", "max_output_tokens", "invalid_value"},
    {"max_output_tokens", R"("5")", "max_output_tokens", "invalid_value"},
    {"tools", R"([{"type":"function"}])", "tools", "unsupported_value"},
    {"max_tool_calls", "0", "max_tool_calls", "unsupported_value"},
    {"truncation", R"("auto")", "truncation", "unsupported_value"},
    {"background", "true", "background", "unsupported_value"},
    {"conversation", R"("conv_1")", "conversation", "unsupported_value"},
    {"prompt", R"({"id":"a"})", "prompt", "unsupported_value"},
    {"moderation", "{}", "moderation", "unsupported_value"},
    {"context_management", "[{}]", "context_management", "unsupported_value"},
    {"n", "2", "n", "unsupported_value"},
    {"temperature", "-1", "temperature", "invalid_value"},
    {"service_tier", R"("flex")", "service_tier", "unsupported_value"},
    {"prompt_cache_retention", R"("24h")", "prompt_cache_retention", "unsupported_value"},
    {"messages", "[]", "messages", "unknown_parameter"},
    {"max_tokens", "5", "max_tokens", "unknown_parameter"},
    {"instruction", R"("a")", "instruction", "unknown_parameter"},
};

TEST(ResponseRequest, RefusesByName) {
  for (const auto& [name, value, param, code] : kRefused) {
    const auto refusal = refusal_of([&] { with(name, value); });
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << name << ": " << value << ": " << *refusal;
    EXPECT_EQ(refusal->code, code) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(own_members(), kRefused), IsEmpty());
  const auto meant = refusal_of([&] { with("instruction", R"("a")"); });
  EXPECT_THAT(meant->message, HasSubstr("instructions"));
}

TEST(ResponseRequest, WithoutAWord) {
  const ResponseRequest request = read(R"({"input":"Hi"})");
  EXPECT_EQ(request.input.size(), 1u);
  EXPECT_TRUE(request.terms.store);
  EXPECT_EQ(request.terms.tool_choice, "auto");
  EXPECT_TRUE(request.terms.parallel_tool_calls);
  EXPECT_EQ(request.terms.instructions, std::nullopt);
  EXPECT_EQ(request.terms.max_output_tokens, std::nullopt);
  EXPECT_EQ(request.terms.alternatives, std::nullopt);
  EXPECT_EQ(request.generation.alternatives, std::nullopt);
  EXPECT_FALSE(request.generation.stream);
  EXPECT_EQ(request.generation.choices, 1);
  EXPECT_EQ(request.generation.limit_member, "max_output_tokens");
}

TEST(ResponseRequest, IsReadWhole) {
  const ResponseRequest request = read(R"({
      "model":"m","input":[{"role":"user","content":"a"},{"type":"item_reference","id":"msg_1"}],
      "instructions":"b","previous_response_id":"resp_1","store":false,
      "metadata":{"x":"1","y":"2"},"reasoning":{"effort":"low"},"tool_choice":"none",
      "parallel_tool_calls":false,"max_output_tokens":7,"include":["message.output_text.logprobs"],
      "top_logprobs":4,"user":"u","safety_identifier":"s","prompt_cache_key":"k","stream":true,
      "stream_options":{"include_obfuscation":true},"chat_template_kwargs":{"v":1},
      "temperature":0.25,"stop":"z"})");
  EXPECT_EQ(request.input.size(), 2u);
  const ResponseTerms& terms = request.terms;
  EXPECT_EQ(terms.instructions, "b");
  EXPECT_EQ(terms.previous_response_id, "resp_1");
  EXPECT_FALSE(terms.store);
  EXPECT_THAT(terms.metadata, ElementsAre(Pair("x", "1"), Pair("y", "2")));
  EXPECT_EQ(terms.reasoning_effort, "low");
  EXPECT_EQ(terms.tool_choice, "none");
  EXPECT_FALSE(terms.parallel_tool_calls);
  EXPECT_EQ(terms.max_output_tokens, 7);
  EXPECT_EQ(terms.alternatives, 4);
  EXPECT_EQ(terms.user, "u");
  EXPECT_EQ(terms.safety_identifier, "s");
  EXPECT_EQ(terms.prompt_cache_key, "k");
  const Generation& generation = request.generation;
  EXPECT_EQ(generation.model, "m");
  EXPECT_EQ(generation.max_tokens, 7);
  EXPECT_EQ(generation.alternatives, 4);
  EXPECT_EQ(generation.sampling.temperature, 0.25f);
  EXPECT_THAT(generation.stop, ElementsAre("z"));
  EXPECT_TRUE(generation.stream);
  ASSERT_EQ(request.variables.size(), 1u);
  EXPECT_EQ(request.variables[0].first, "v");
}

TEST(ResponseRequest, LogProbabilitiesAreToldWhereTheyAreIncluded) {
  EXPECT_EQ(with("include", R"(["message.output_text.logprobs"])").generation.alternatives, 0);
  EXPECT_EQ(with("include", R"(["reasoning.encrypted_content"])").generation.alternatives,
            std::nullopt);
  EXPECT_EQ(with("top_logprobs", "0").generation.alternatives, std::nullopt);
}

TEST(ResponseRequest, LimitsOfMetadata) {
  const auto members = [](int count, std::size_t name, std::string_view letter, int length) {
    std::string all;
    for (int i = 0; i < count; ++i) {
      all += fmt::format("{}\"{:0>{}}\":\"", i > 0 ? "," : "", i, name);
      for (int k = 0; k < length; ++k) all += letter;
      all += '"';
    }
    return "{" + all + "}";
  };
  EXPECT_EQ(with("metadata", members(16, 64, "é", 512)).terms.metadata.size(), 16u);
  for (const std::string& wrong :
       {members(17, 64, "a", 1), members(1, 65, "a", 1), members(1, 64, "a", 513)}) {
    const auto refusal = refusal_of([&] { with("metadata", wrong); });
    ASSERT_TRUE(refusal) << wrong;
    EXPECT_EQ(refusal->code, "invalid_value");
    EXPECT_THAT(refusal->param, HasSubstr("metadata"));
  }
}

}  // namespace
}  // namespace sirocco::openai
