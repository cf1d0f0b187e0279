#include "sirocco/server/openai/embeddings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sirocco/server/request_testing.hpp"

namespace sirocco::openai {
namespace {

using Json = nlohmann::json;
using json_testing::Refusal;
using json_testing::refusal_of;
using request_testing::AcceptedMember;
using request_testing::body_with;
using request_testing::RefusedMember;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EmbeddingRequest with(std::string_view name, std::string_view value) {
  const bool is_asked = name == "input" || name == "messages";
  const std::string body = body_with(is_asked ? "" : R"("input":"a",)", name, value);
  return read_embedding_request(json::parse(body));
}

constexpr AcceptedMember kAccepted[] = {
    {"input", R"("a")"},
    {"input", R"(["a","b"])"},
    {"input", "[[1,2],[3]]"},
    {"messages", R"([{"role":"user","content":"a"}])"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":"a"}]}])"},
    {"messages", R"([{"role":"user","content":[{"type":"image_url","image_url":)"
                 R"({"url":"data:image/png;base64,AAAA"}}]}])"},
    {"model", R"("m")"},
    {"encoding_format", R"("float")"},
    {"encoding_format", R"("base64")"},
    {"dimensions", "1"},
    {"user", R"("u")"},
    {"truncate_prompt_tokens", "-1"},
    {"add_special_tokens", "true"},
    {"add_generation_prompt", "false"},
    {"continue_final_message", "false"},
};
constexpr RefusedMember kRefused[] = {
    {"input", "null", "input", "missing_required_parameter"},
    {"input", "[]", "input", "invalid_value"},
    {"input", "[{}]", "input[0]", "invalid_type"},
    {"input", R"(["a",null])", "input[1]", "invalid_type"},
    {"messages", "null", "input", "missing_required_parameter"},
    {"messages", "[]", "messages", "invalid_value"},
    {"messages", R"("a")", "messages", "invalid_type"},
    {"messages", R"([{"role":"user"}])", "messages[0]", "missing_required_parameter"},
    {"messages", R"([{"role":"user","content":[{"type":"image_url"}]}])", "messages[0].content[0]",
     "missing_required_parameter"},
    {"messages", R"([{"role":"user","content":"a"}],"input":"a")", "messages", "invalid_value"},
    {"model", "[]", "model", "invalid_type"},
    {"encoding_format", R"("int8")", "encoding_format", "invalid_value"},
    {"encoding_format", "5", "encoding_format", "invalid_value"},
    {"dimensions", "0", "dimensions", "invalid_value"},
    {"dimensions", "2.5", "dimensions", "invalid_type"},
    {"user", "5", "user", "unsupported_value"},
    {"truncate_prompt_tokens", "5", "truncate_prompt_tokens", "unsupported_value"},
    {"add_special_tokens", "false", "add_special_tokens", "unsupported_value"},
    {"add_generation_prompt", "true", "add_generation_prompt", "unsupported_value"},
    {"continue_final_message", "true", "continue_final_message", "unsupported_value"},
    {"normalize", "true", "normalize", "unknown_parameter"},
};

TEST(EmbeddingRequest, AcceptsEachMember) {
  for (const auto& [name, value] : kAccepted) {
    const auto refusal = refusal_of([&] { with(name, value); });
    EXPECT_FALSE(refusal) << name << ": " << value << ": " << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_embedding_members(), kAccepted),
              IsEmpty());
}

TEST(EmbeddingRequest, RefusesAndNamesEachMember) {
  for (const auto& [name, value, param, code] : kRefused) {
    const auto refusal = refusal_of([&] { with(name, value); });
    ASSERT_TRUE(refusal) << name << ": " << value;
    EXPECT_EQ(refusal->param, param) << *refusal;
    EXPECT_EQ(refusal->code, code) << *refusal;
  }
  EXPECT_THAT(request_testing::members_without_row(describe_embedding_members(), kRefused),
              IsEmpty());
}

TEST(EmbeddingRequest, IsRead) {
  const EmbeddingRequest plain = with("input", R"(["a",[5]])");
  EXPECT_THAT(plain.inputs, ElementsAre(PromptInput("a"), PromptInput(std::vector{TokenId(5)})));
  EXPECT_EQ(plain.format, EmbeddingFormat::kNumbers);
  EXPECT_EQ(plain.dimensions, std::nullopt);
  EXPECT_EQ(plain.model, std::nullopt);
  EXPECT_EQ(with("encoding_format", R"("base64")").format, EmbeddingFormat::kBase64);
  EXPECT_EQ(with("dimensions", "64").dimensions, 64);
  std::string many = "[\"a\"";
  for (std::size_t i = 0; i < kMaxEmbeddingInputs; ++i) many += ",\"a\"";
  EXPECT_EQ(refusal_of([&] { with("input", many + "]"); })->param, "input");
}

TEST(Embeddings, AreShortened) {
  const std::vector<float> vector = {3, 4, 5};
  EXPECT_EQ(shortened(vector, std::nullopt), vector);
  EXPECT_EQ(shortened(vector, 3), vector);
  EXPECT_THAT(shortened(vector, 2), ElementsAre(0.6f, 0.8f));
  EXPECT_THAT(shortened(std::vector<float>{0, 0, 1}, 2), ElementsAre(0, 0));
  const auto refusal = refusal_of([&] { shortened(vector, 4); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->param, "dimensions");
  EXPECT_THAT(refusal->message, HasSubstr("found 4; the model's vectors have 3"));
}

TEST(Embeddings, Body) {
  const std::vector<std::vector<float>> vectors = {{0.1f, -2}, {1e-10f, 0}};
  EXPECT_EQ(embeddings_body("m\"", vectors, EmbeddingFormat::kNumbers, 7),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]},)"
            R"({"object":"embedding","index":1,"embedding":[1e-10,0]}],"model":"m\"",)"
            R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
}

// By Python: base64.b64encode(struct.pack("<3f", …)).
TEST(Embeddings, Base64) {
  const auto encoded = [](std::vector<float> vector) {
    const std::vector<std::vector<float>> vectors = {std::move(vector)};
    return Json::parse(
               embeddings_body("m", vectors, EmbeddingFormat::kBase64, 1))["data"][0]["embedding"]
        .get<std::string>();
  };
  EXPECT_EQ(encoded({}), "");
  EXPECT_EQ(encoded({1.0f}), "AACAPw==");
  EXPECT_EQ(encoded({1.0f, -2.5f}), "AACAPwAAIMA=");
  EXPECT_EQ(encoded({1.0f, -2.5f, 0.1f}), "AACAPwAAIMDNzMw9");
}

}  // namespace
}  // namespace sirocco::openai
