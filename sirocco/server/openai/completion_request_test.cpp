#include "sirocco/server/openai/completion_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::Refusal;
using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kPrompt = R"("prompt":"Hi",)";

CompletionRequest read(std::string_view body) { return read_completion_request(json::parse(body)); }
std::optional<Refusal> refused(std::string_view body) {
  return refusal_of([&] { read(body); });
}
CompletionRequest with(std::string_view name, std::string_view value) {
  return read(body_with(name == "prompt" ? "" : kPrompt, name, value));
}
std::vector<TokenId> ids(std::initializer_list<std::int32_t> values) {
  std::vector<TokenId> out;
  for (const std::int32_t value : values) out.emplace_back(value);
  return out;
}

// Those that this request has of its own; the others are the chat's.
constexpr AcceptedMember kAccepted[] = {
    {"prompt", R"("")"},
    {"prompt", R"(["a","b"])"},
    {"prompt", "[0,2147483647]"},
    {"prompt", "[1.0]"},
    {"prompt", R"([[1,2],[3],"a"])"},
    {"suffix", R"("s")"},
    {"echo", "true"},
    {"logprobs", "0"},
    {"logprobs", "5"},
    {"best_of", "1"},
    {"max_tokens", "-1"},
    {"n_predict", "5"},
    {"response_format", R"({"type":"text"})"},
    {"add_special_tokens", "true"},
};
constexpr RefusedMember kRefused[] = {
    {"prompt", "null", "prompt", "missing_required_parameter"},
    {"prompt", "5", "prompt", "invalid_type"},
    {"prompt", "{}", "prompt", "invalid_type"},
    {"prompt", "[]", "prompt", "invalid_value"},
    {"prompt", "[[]]", "prompt[0]", "invalid_value"},
    {"prompt", "[1,-1]", "prompt[1]", "invalid_value"},
    {"prompt", "[1.5]", "prompt[0]", "invalid_type"},
    {"prompt", "[2147483648]", "prompt[0]", "invalid_value"},
    {"prompt", R"([1,"a"])", "prompt[1]", "invalid_type"},
    {"prompt", R"(["a",1])", "prompt[1]", "invalid_type"},
    {"prompt", R"([[1,"a"]])", "prompt[0][1]", "invalid_type"},
    {"prompt", R"([[[1]]])", "prompt[0][0]", "invalid_type"},
    {"prompt", "[null]", "prompt[0]", "invalid_type"},
    {"suffix", "5", "suffix", "invalid_type"},
    {"echo", "1", "echo", "invalid_type"},
    {"logprobs", "6", "logprobs", "invalid_value"},
    {"logprobs", "true", "logprobs", "invalid_type"},
    {"best_of", "2", "best_of", "unsupported_value"},
    {"max_tokens", "0", "max_tokens", "invalid_value"},
    {"max_tokens", "-2", "max_tokens", "invalid_value"},
    {"n_predict", "0", "n_predict", "invalid_value"},
    {"response_format", R"({"type":"json_object"})", "response_format", "unsupported_value"},
    {"add_special_tokens", "false", "add_special_tokens", "unsupported_value"},
    {"temperature", "-1", "temperature", "invalid_value"},
    {"stream_options", "{}", "stream_options", "invalid_value"},
    {"messages", "[]", "messages", "unknown_parameter"},
};

/// The documented members that all requests for answers have are in the chat's tables.
std::vector<json::MemberDescription> own_members() {
  std::vector<json::MemberDescription> all = describe_completion_members();
  std::vector<json::MemberDescription> shared;
  json::describe(choice_members(), shared);
  describe_generation(shared);
  json::describe(unkept_members(), shared);
  json::describe(unheeded_members(), shared);
  std::erase_if(all, [&](const json::MemberDescription& member) {
    return std::ranges::any_of(shared, [&](const auto& s) { return s.name == member.name; });
  });
  return all;
}

TEST(CompletionRequest, AcceptsEachMember) {
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = refusal_of([&] { with(name, value); });
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(own_members(), kAccepted), IsEmpty());
}

TEST(CompletionRequest, RefusesAndNamesEachMember) {
  for (const auto& [name, value, param, code] : kRefused) {
    const auto refusal = refusal_of([&] { with(name, value); });
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << name << ": " << value << ": " << *refusal;
    EXPECT_EQ(refusal->code, code) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(own_members(), kRefused), IsEmpty());
}

TEST(CompletionRequest, Prompts) {
  EXPECT_THAT(with("prompt", R"("a")").prompts, ElementsAre(PromptInput("a")));
  EXPECT_THAT(with("prompt", R"(["a","b"])").prompts,
              ElementsAre(PromptInput("a"), PromptInput("b")));
  EXPECT_THAT(with("prompt", "[1,2]").prompts, ElementsAre(PromptInput(ids({1, 2}))));
  EXPECT_THAT(with("prompt", "[[1],[2,3]]").prompts,
              ElementsAre(PromptInput(ids({1})), PromptInput(ids({2, 3}))));
}

TEST(CompletionRequest, IsRead) {
  const CompletionRequest request = read(R"({"prompt":["a","b"],"suffix":"s","echo":true,
      "logprobs":3,"n":2,"best_of":2,"max_tokens":0,"stop":"x"})");
  EXPECT_EQ(request.suffix, "s");
  EXPECT_TRUE(request.echo);
  EXPECT_EQ(request.generation.alternatives, 3);
  EXPECT_EQ(request.generation.max_tokens, 0);
  EXPECT_EQ(request.total_choices(), 4);
  const CompletionRequest plain = read(R"({"prompt":"a","suffix":""})");
  EXPECT_EQ(plain.suffix, std::nullopt);
  EXPECT_EQ(plain.generation.alternatives, std::nullopt);
  EXPECT_EQ(plain.generation.max_tokens, std::nullopt);
}

TEST(CompletionRequest, AnswersInAllAreLimited) {
  const auto prompts = [](int count) {
    std::string out = "\"prompt\":[";
    for (int i = 0; i < count; ++i) out += i == 0 ? "\"a\"" : ",\"a\"";
    return out + "]";
  };
  EXPECT_FALSE(refused("{" + prompts(64) + R"(,"n":2})"));
  EXPECT_THAT(refused("{" + prompts(65) + R"(,"n":2})")->message,
              HasSubstr("found 65 prompts, and 2 answers are wanted to each"));
  EXPECT_FALSE(refused("{" + prompts(128) + "}"));
  EXPECT_EQ(refused("{" + prompts(129) + "}")->param, "prompt");
}

}  // namespace
}  // namespace sirocco::openai
