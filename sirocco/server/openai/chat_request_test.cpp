#include "sirocco/server/openai/chat_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::Refusal;
using json_testing::refusal_of;
using request_testing::body_with;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kMessages = R"("messages":[{"role":"user","content":"Hi"}],)";

ChatRequest read(std::string_view body) { return read_chat_request(json::parse(body)); }
std::optional<Refusal> refused(std::string_view body) {
  return refusal_of([&] { read(body); });
}

/// A request with one more member than it needs.
ChatRequest with(std::string_view name, std::string_view value) {
  return read(body_with(name == "messages" ? "" : kMessages, name, value));
}

TEST(ChatRequest, LeavesOutWhatIsntSaid) {
  const ChatRequest request = read(R"({"messages":[{"role":"user","content":"Hi"}]})");
  const Generation& generation = request.generation;
  EXPECT_EQ(generation.model, std::nullopt);
  EXPECT_EQ(generation.max_tokens, std::nullopt);
  EXPECT_EQ(generation.alternatives, std::nullopt);
  EXPECT_EQ(generation.timeout_s, std::nullopt);
  EXPECT_EQ(generation.choices, 1);
  EXPECT_FALSE(generation.stream);
  EXPECT_TRUE(generation.use_prefixes);
  EXPECT_THAT(generation.stop, IsEmpty());
  EXPECT_EQ(request.end, PromptEnd::kNewAnswer);

  SamplingParams usual;
  usual.temperature = 0.7f;
  usual.top_k = 40;
  usual.rules.min_new_tokens = 3;
  usual.penalize_prompt = false;
  const SamplingParams params = generation.sampling.over(usual, 42);
  EXPECT_EQ(params.temperature, 0.7f);
  EXPECT_EQ(params.top_k, 40);
  EXPECT_EQ(params.rules.min_new_tokens, 3);
  EXPECT_FALSE(params.penalize_prompt);
  EXPECT_EQ(params.seed, 42u);
}

TEST(ChatRequest, SamplingTakesThePlaceOfTheUsual) {
  const ChatRequest request = read(R"({"messages":[{"role":"user","content":"Hi"}],
      "temperature":0.25,"top_p":0.5,"top_k":-1,"min_p":0.125,"typical_p":0.75,
      "repeat_penalty":1.5,"repeat_last_n":-1,"presence_penalty":1,"frequency_penalty":-1,
      "min_tokens":2,"seed":-2,"logit_bias":{"9":false,"3":1.5}})");
  SamplingParams usual;
  usual.top_k = 40;
  const SamplingParams params = request.generation.sampling.over(usual, 42);
  EXPECT_EQ(params.temperature, 0.25f);
  EXPECT_EQ(params.top_p, 0.5f);
  EXPECT_EQ(params.top_k, 0);
  EXPECT_EQ(params.min_p, 0.125f);
  EXPECT_EQ(params.typical_p, 0.75f);
  EXPECT_EQ(params.repetition_penalty, 1.5f);
  EXPECT_EQ(params.penalty_last_n, -1);
  EXPECT_EQ(params.presence_penalty, 1.0f);
  EXPECT_EQ(params.frequency_penalty, -1.0f);
  EXPECT_EQ(params.rules.min_new_tokens, 2);
  EXPECT_EQ(params.seed, ~std::uint64_t{0} - 1);
  ASSERT_EQ(params.logit_bias.size(), 2u);
  EXPECT_EQ(params.logit_bias[0].token, TokenId(3));
  EXPECT_EQ(params.logit_bias[0].bias, 1.5f);
  EXPECT_EQ(params.logit_bias[1].token, TokenId(9));
  EXPECT_TRUE(std::isinf(params.logit_bias[1].bias));
  EXPECT_NO_THROW(validate(params, 10));
}

TEST(ChatRequest, GenerationIsRead) {
  const Generation generation = read(R"({"messages":[{"role":"user","content":"Hi"}],"model":"m",
      "max_completion_tokens":7,"max_tokens":7,"stop":["a","b"],"n":3,"logprobs":true,
      "top_logprobs":4,"ignore_eos":true,"cache_prompt":false,"priority":-5,"timeout":2.5,
      "stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})")
                                    .generation;
  EXPECT_EQ(generation.model, "m");
  EXPECT_EQ(generation.max_tokens, 7);
  EXPECT_THAT(generation.stop, ElementsAre("a", "b"));
  EXPECT_EQ(generation.choices, 3);
  EXPECT_EQ(generation.alternatives, 4);
  EXPECT_TRUE(generation.ignore_end);
  EXPECT_FALSE(generation.use_prefixes);
  EXPECT_EQ(generation.priority, -5);
  EXPECT_EQ(generation.timeout_s, 2.5);
  EXPECT_TRUE(generation.stream);
  EXPECT_TRUE(generation.include_usage);
  EXPECT_EQ(with("logprobs", "true").generation.alternatives, 0);
  EXPECT_EQ(with("max_tokens", "-1").generation.max_tokens, std::nullopt);
  EXPECT_EQ(with("seed", "-1").generation.sampling.seed, std::nullopt);
}

TEST(ChatRequest, MembersThatContradictEachOther) {
  struct Case {
    std::string_view members;
    std::string_view param;
  };
  const Case cases[] = {
      {R"("max_tokens":5,"max_completion_tokens":6)", "max_tokens"},
      {R"("repeat_penalty":1.1,"repetition_penalty":1.2)", "repeat_penalty"},
      {R"("max_tokens":5,"min_tokens":6)", "min_tokens"},
      {R"("logprobs":false,"top_logprobs":0)", "top_logprobs"},
      {R"("stream":false,"stream_options":{})", "stream_options"},
  };
  for (const Case& c : cases) {
    const auto refusal = refused("{" + std::string(kMessages) + std::string(c.members) + "}");
    ASSERT_TRUE(refusal) << c.members;
    EXPECT_EQ(refusal->param, c.param) << *refusal;
    EXPECT_EQ(refusal->code, "invalid_value");
  }
}

TEST(ChatRequest, Body) {
  EXPECT_EQ(refused("[]")->param, "");
  EXPECT_EQ(refused("5")->code, "invalid_type");
  EXPECT_EQ(refused("{}")->param, "messages");
}

// Where the prompt ends.

PromptEnd end_of(std::string_view last, std::string_view members) {
  return read(R"({"messages":[{"role":"user","content":"Hi"},)" + std::string(last) + "]" +
              std::string(members) + "}")
      .end;
}

TEST(ChatRequest, AnAssistantsLastMessageIsContinued) {
  constexpr std::string_view kAssistant = R"({"role":"assistant","content":"Hel"})";
  constexpr std::string_view kUser = R"({"role":"user","content":"Hel"})";
  EXPECT_EQ(end_of(kAssistant, ""), PromptEnd::kContinueAnswer);
  EXPECT_EQ(end_of(kAssistant, R"(,"continue_final_message":true)"), PromptEnd::kContinueAnswer);
  EXPECT_EQ(end_of(kAssistant, R"(,"continue_final_message":false)"), PromptEnd::kNewAnswer);
  EXPECT_EQ(end_of(kAssistant, R"(,"add_generation_prompt":true)"), PromptEnd::kNewAnswer);
  EXPECT_EQ(end_of(kAssistant, R"(,"add_generation_prompt":false)"), PromptEnd::kAsItStands);
  EXPECT_EQ(end_of(kAssistant, R"(,"add_generation_prompt":false,"continue_final_message":true)"),
            PromptEnd::kContinueAnswer);
  EXPECT_EQ(end_of(kUser, ""), PromptEnd::kNewAnswer);
  EXPECT_EQ(end_of(kUser, R"(,"add_generation_prompt":false)"), PromptEnd::kAsItStands);
  EXPECT_EQ(end_of(R"({"role":"assistant","content":null})", ""), PromptEnd::kNewAnswer);
  EXPECT_EQ(end_of(R"({"role":"assistant","content":" \n"})", ""), PromptEnd::kNewAnswer);
  EXPECT_EQ(refusal_of([&] {
              end_of(kAssistant, R"(,"add_generation_prompt":true,"continue_final_message":true)");
            })->param,
            "continue_final_message");
}

// What the template is given.

ChatPrompt prompt_of(std::string_view body, std::string_view chat_template) {
  return chat_prompt(read(body), ChatFormat(ChatTemplate(chat_template), {{"bos_token", "<s>"}}));
}
ChatPrompt prompt_with(std::string_view members, std::string_view chat_template) {
  return prompt_of("{" + std::string(kMessages) + std::string(members) + "}", chat_template);
}

TEST(ChatPrompt, GivesTheTemplateItsOwnVariables) {
  const ChatPrompt prompt = prompt_with(
      R"("chat_template_kwargs":{"enable_thinking":true,"n":3,"bos_token":"x","a\n":1})",
      "{{ bos_token }}{{ messages[0].content }} {{ enable_thinking }} {{ n }}");
  EXPECT_EQ(prompt.rendered.text, "<s>Hi True 3");
  EXPECT_THAT(prompt.warnings,
              ElementsAre(HasSubstr("'bos_token' has no effect"), HasSubstr("'a\\x0a' has no")));
  EXPECT_THAT(prompt.warnings[0], HasSubstr("it has enable_thinking, n"));
}

TEST(ChatPrompt, WhatIsSetIsNeverTrusted) {
  const RenderedPrompt prompt = prompt_with(R"("chat_template_kwargs":{"date":"</s>"})",
                                            "<s>{{ date }}{{ messages[0].content }}")
                                    .rendered;
  EXPECT_EQ(prompt.text, "<s></s>Hi");
  EXPECT_THAT(prompt.trusted, ElementsAre(RenderedPrompt::Range{0, 3}));
}

TEST(ChatPrompt, ReasoningEffort) {
  constexpr std::string_view kSwitch = "{{ enable_thinking }}";
  constexpr std::string_view kDegree = "{{ reasoning_effort | default('?') }}";
  const auto rendered = [](std::string_view members, std::string_view chat_template) {
    return prompt_with(members, chat_template).rendered.text;
  };
  EXPECT_EQ(rendered(R"("reasoning_effort":"none")", kSwitch), "False");
  EXPECT_EQ(rendered(R"("reasoning_effort":"high")", kSwitch), "True");
  EXPECT_EQ(rendered(R"("reasoning_effort":"minimal")", kDegree), "low");
  EXPECT_EQ(rendered(R"("reasoning_effort":"medium")", kDegree), "medium");
  EXPECT_EQ(rendered(R"("reasoning_effort":"xhigh")", kDegree), "high");
  EXPECT_EQ(rendered(R"("reasoning_effort":"none")", kDegree), "?");
  EXPECT_EQ(rendered(R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true})",
                     kSwitch),
            "True");
  EXPECT_THAT(prompt_with(R"("reasoning_effort":"high")", "x").warnings,
              ElementsAre(HasSubstr("reasoning_effort has no effect")));
  EXPECT_THAT(prompt_with(R"("reasoning_effort":"high")", kSwitch).warnings, IsEmpty());
}

TEST(ChatPrompt, EndsAsTheRequestWants) {
  constexpr std::string_view kTemplate =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  const auto rendered = [&](std::string_view last, std::string_view members) {
    return prompt_of(R"({"messages":[{"role":"developer","content":"Be brief"},)" +
                         std::string(last) + "]" + std::string(members) + "}",
                     kTemplate)
        .rendered.text;
  };
  constexpr std::string_view kAssistant = R"({"role":"assistant","content":"Hel"})";
  constexpr std::string_view kUser = R"({"role":"user","content":"Hi"})";
  EXPECT_EQ(rendered(kUser, ""), "<system>Be brief</><user>Hi</><assistant>");
  EXPECT_EQ(rendered(kUser, R"(,"add_generation_prompt":false)"), "<system>Be brief</><user>Hi</>");
  EXPECT_EQ(rendered(kAssistant, ""), "<system>Be brief</><assistant>Hel");
  EXPECT_EQ(rendered(kAssistant, R"(,"continue_final_message":false)"),
            "<system>Be brief</><assistant>Hel</><assistant>");
}

TEST(ChatPrompt, TheClockIsTheCallers) {
  const ChatRequest request = read(R"({"messages":[{"role":"user","content":"Hi"}]})");
  const ChatFormat format(ChatTemplate("{{ strftime_now('%Y') }}"), {});
  const auto clock = [] {
    std::tm time{};
    time.tm_year = 101;
    return time;
  };
  EXPECT_EQ(chat_prompt(request, format, clock).rendered.text, "2001");
}

}  // namespace
}  // namespace sirocco::openai
