#include "sirocco/server/openai/chat_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/json/refusal_testing.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using ::testing::HasSubstr;

std::vector<ChatMessage> read(std::string_view messages) {
  const json::Value value = json::parse(messages);
  return read_messages(json::Field(value, "messages"));
}

std::string rendered(std::string_view messages, std::string_view chat_template) {
  ChatContext context;
  context.messages = template_messages(read(messages));
  return ChatTemplate(chat_template).render(context).text;
}

TEST(ChatMessages, AreRead) {
  const auto messages = read(R"([
      {"role":"system","content":"a"},
      {"role":"developer","content":"b"},
      {"role":"user","content":[{"type":"text","text":"c"},{"type":"text","text":"d"}],"name":"Ann"},
      {"role":"assistant","content":null,"refusal":null,"annotations":[],"function_call":null,
       "reasoning":"hm","tool_calls":[
         {"id":"1","type":"function","index":0,"function":{"name":"f","arguments":"{\"x\":1}"}}]},
      {"role":"tool","content":"e","tool_call_id":"1"},
      {"role":"assistant"}])");
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  EXPECT_EQ(messages[1].role, Role::kDeveloper);
  EXPECT_EQ(messages[2].content->text(), "c\nd");
  EXPECT_EQ(messages[2].name, "Ann");
  EXPECT_EQ(messages[3].content, std::nullopt);
  EXPECT_EQ(messages[3].reasoning, "hm");
  ASSERT_EQ(messages[3].tool_calls.size(), 1u);
  EXPECT_EQ(messages[3].tool_calls[0].arguments, R"({"x":1})");
  EXPECT_EQ(messages[4].tool_call_id, "1");
  EXPECT_EQ(messages[5].content, std::nullopt);
}

TEST(ChatMessages, RefusalsNameThePlace) {
  struct Case {
    std::string_view message;
    std::string_view param;
    std::string_view code;
  };
  const Case cases[] = {
      {"5", "messages[0]", "invalid_type"},
      {"{}", "messages[0]", "missing_required_parameter"},
      {R"({"role":"user"})", "messages[0]", "missing_required_parameter"},
      {R"({"role":"user","content":null})", "messages[0]", "missing_required_parameter"},
      {R"({"role":"foo","content":"a"})", "messages[0].role", "invalid_value"},
      {R"({"role":5,"content":"a"})", "messages[0].role", "invalid_type"},
      {R"({"role":"user","content":5})", "messages[0].content", "invalid_type"},
      {R"({"role":"user","content":[]})", "messages[0].content", "invalid_value"},
      {R"({"role":"user","content":["a"]})", "messages[0].content[0]", "invalid_type"},
      {R"({"role":"user","content":[{"text":"a"}]})", "messages[0].content[0]",
       "missing_required_parameter"},
      {R"({"role":"user","content":[{"type":"text"}]})", "messages[0].content[0]",
       "missing_required_parameter"},
      {R"({"role":"user","content":[{"type":"text","text":"a"},
          {"type":"image_url","image_url":{"url":"data:"}}]})",
       "messages[0].content[1].image_url.url", "invalid_value"},
      {R"({"role":"user","content":[{"file":{"file_id":""},"type":"file"}]})",
       "messages[0].content[0].type", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"input_audio","input_audio":{"format":"wav"}}]})",
       "messages[0].content[0].input_audio", "missing_required_parameter"},
      {R"({"role":"user","content":[{"type":"input_audio"}]})", "messages[0].content[0]",
       "missing_required_parameter"},
      {R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":5}}]})",
       "messages[0].content[0].input_audio.data", "invalid_type"},
      {R"({"role":"system","content":[{"type":"input_audio","input_audio":{"data":"Zm9v"}}]})",
       "messages[0].content[0].input_audio.data", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://a/b.png"}}]})",
       "messages[0].content[0].image_url.url", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,a"}}]})",
       "messages[0].content[0].image_url.url", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"detail":"low"}}]})",
       "messages[0].content[0].image_url", "missing_required_parameter"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:;base64,",
          "detail":"huge"}}]})",
       "messages[0].content[0].image_url.detail", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"image_url","image_url":"data:;base64,Zm9v"}]})",
       "messages[0].content[0].image_url", "invalid_type"},
      {R"({"role":"user","content":[{"type":"image_url"}]})", "messages[0].content[0]",
       "missing_required_parameter"},
      {R"({"content":[{"type":"image_url","image_url":{"url":"data:;base64,Zm9v"}}],
          "role":"assistant"})",
       "messages[0].content[0].image_url.url", "unsupported_value"},
      {R"({"role":"user","content":[{"type":"text","text":5}]})", "messages[0].content[0].text",
       "invalid_type"},
      {R"({"role":"user","content":[{"type":"text","text":"a","x":1}]})",
       "messages[0].content[0].x", "unknown_parameter"},
      {R"({"role":"user","content":"a","weight":1})", "messages[0].weight", "unknown_parameter"},
      {R"({"role":"user","content":"a","tool_calls":[]})", "messages[0].tool_calls",
       "unknown_parameter"},
      {R"({"role":"assistant","content":"a","refusal":"no"})", "messages[0].refusal",
       "unsupported_value"},
      {R"({"role":"assistant","tool_calls":[{"id":"1"}]})", "messages[0].tool_calls[0]",
       "missing_required_parameter"},
      {R"({"role":"assistant","tool_calls":[{"type":"custom","function":{"name":"f"}}]})",
       "messages[0].tool_calls[0].type", "unsupported_value"},
      {R"({"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]})",
       "messages[0].tool_calls[0].function.arguments", "invalid_type"},
      {R"({"role":"assistant","tool_calls":[{"function":{}}]})",
       "messages[0].tool_calls[0].function", "missing_required_parameter"},
      {R"({"role":"tool","tool_call_id":"1"})", "messages[0]", "missing_required_parameter"},
  };
  for (const Case& c : cases) {
    const auto refusal = refusal_of([&] { read("[" + std::string(c.message) + "]"); });
    ASSERT_TRUE(refusal) << c.message;
    EXPECT_EQ(refusal->param, c.param) << *refusal;
    EXPECT_EQ(refusal->code, c.code) << *refusal;
  }
  EXPECT_THAT(refusal_of([] { read(R"([{"role":"user","content":"a"},{"role":"user"}])"); })->param,
              "messages[1]");
}

TEST(ChatMessages, ShowPictures) {
  const auto messages = read(R"([{"role":"user","content":"a"},{"role":"user","content":[
      {"type":"text","text":"b"},{"type":"text","text":"c"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v","detail":"high"}},
      {"image_url":{"url":"DATA:image/jpeg;x=y;BASE64,YmFy"},"type":"image_url"},
      {"type":"text","text":"<image>"}]}])");
  const std::vector<SentMedium> pictures = media_of(messages);
  ASSERT_EQ(pictures.size(), 2u);
  EXPECT_EQ(pictures[0].source->substr(*pictures[0].base64_at), "Zm9v");
  EXPECT_EQ(pictures[0].place, "messages[1].content[2].image_url.url");
  EXPECT_EQ(pictures[1].source->substr(*pictures[1].base64_at), "YmFy");
  ChatContext context;
  context.messages = template_messages(messages);
  EXPECT_EQ(
      ChatTemplate("{{ messages[0].content }}|{{ messages[1].content }}").render(context).text,
      "a|[{'type': 'text', 'text': 'b\\nc'}, {'type': 'image'}, {'type': 'image'}, "
      "{'type': 'text', 'text': '<image>'}]");
}

TEST(ChatMessages, HaveSounds) {
  const auto messages = read(R"([{"role":"user","content":[
      {"type":"input_audio","input_audio":{"data":"Zm9v","format":"wav"}},
      {"type":"image_url","image_url":{"url":"data:;base64,YmFy"}},
      {"type":"text","text":"b"},{"input_audio":{"data":"YmF6"},"type":"input_audio"}]}])");
  const std::vector<SentMedium> media = media_of(messages);
  ASSERT_EQ(media.size(), 3u);
  EXPECT_EQ(media[0].medium, Medium::kSound);
  EXPECT_EQ(media[0].source->substr(*media[0].base64_at), "Zm9v");
  EXPECT_EQ(media[0].place, "messages[0].content[0].input_audio.data");
  EXPECT_EQ(media[1].medium, Medium::kPicture);
  EXPECT_EQ(media[2].source->substr(*media[2].base64_at), "YmF6");
  ChatContext context;
  context.messages = template_messages(messages);
  EXPECT_EQ(ChatTemplate("{{ messages[0].content }}").render(context).text,
            "[{'type': 'audio'}, {'type': 'image'}, {'type': 'text', 'text': 'b'}, "
            "{'type': 'audio'}]");
}

TEST(ChatMessages, AreWhatTemplatesTake) {
  EXPECT_EQ(rendered(R"([{"role":"user","content":"a","name":"Ann"}])", "{{ messages }}"),
            "[{'role': 'user', 'content': 'a', 'name': 'Ann'}]");
  // An empty turn; one that consists of calls.
  EXPECT_EQ(
      rendered(R"([{"role":"assistant","content":null}])", "{{ messages[0].content | trim }}"), "");
  EXPECT_EQ(rendered(R"([{"role":"assistant","content":null,"tool_calls":[
      {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": [1]}"}}]}])",
                     "{% set m = messages[0] %}{{ m.content is none }} {% set c = m.tool_calls[0] "
                     "%}{{ c.id }} {{ c.function.name }} {{ c.function.arguments.x[0] }}"),
            "True 1 f 1");
  EXPECT_EQ(rendered(R"([{"role":"assistant","tool_calls":[
      {"function":{"name":"f","arguments":"{oops"}}]}])",
                     "{{ messages[0].tool_calls[0].function.arguments }}"),
            "{oops");
  EXPECT_EQ(rendered(R"([{"role":"assistant","content":"a","reasoning":"hm"}])",
                     "{{ messages[0].reasoning_content }}"),
            "hm");
}

// Deep arguments stay within what templates can hold.
TEST(ChatMessages, DeepArguments) {
  const std::string deep = std::string(2000, '[') + std::string(2000, ']');
  EXPECT_EQ(
      rendered(
          R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":)" +
              deep + R"(}"}}]}])",
          "{{ messages[0].tool_calls[0].function.arguments is string }}"),
      "True");
}

}  // namespace
}  // namespace sirocco::openai
