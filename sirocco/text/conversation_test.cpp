#include "sirocco/text/conversation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/text/chat_template.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view json) {
  try {
    parse_conversation(json, "here");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Conversation, RoundTrip) {
  const Conversation conversation{
      "Be \"brief\".", {{"user", "line 1\nline 2"}, {"assistant", "é\t🙂"}, {"user", ""}}};
  EXPECT_EQ(parse_conversation(conversation.json(), "here"), conversation);
  EXPECT_EQ(parse_conversation(conversation.json(2), "here"), conversation);
  EXPECT_EQ(Conversation{}.json(), "[]");
  EXPECT_EQ((Conversation{"", {{"user", "a"}}}.json()), R"([{"role":"user","content":"a"}])");
  EXPECT_EQ(parse_conversation(R"({"messages":[{"role":"user","content":"a","x":1}]})", "here"),
            (Conversation{"", {{"user", "a"}}}));
}

TEST(Conversation, BytesThatAreNotUtf8) {
  EXPECT_EQ((Conversation{"", {{"user", "a\xff"}}}.json()),
            "[{\"role\":\"user\",\"content\":\"a\ufffd\"}]");
}

// A template can't tell how the messages came to it.
TEST(Conversation, IsWhatItsJsonSays) {
  ChatContext direct;
  ChatContext through_json;
  for (const Conversation& conversation : std::initializer_list<Conversation>{
           {},
           {"Be \"brief\".", {{"user", "é\t🙂<s>"}, {"assistant", ""}}},
           {"\xff",
            {{"user", "\xe2\x82 \xf0\x9f\x99"}, {"assistant", std::string("\0\x80", 2)}}}}) {
    direct.messages = messages_of(conversation);
    through_json.messages = jinja::Value::from_json(conversation.json());
    const ChatTemplate chat(
        "{{ messages }}{% for m in messages %}{{ m.role ~ m.content }}{% endfor %}");
    const RenderedPrompt expected = chat.render(through_json);
    const RenderedPrompt prompt = chat.render(direct);
    EXPECT_EQ(prompt.text, expected.text);
    EXPECT_EQ(prompt.trusted, expected.trusted);
  }
}

TEST(Conversation, RefusesWhatIsNone) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "isn't JSON"},
      {"[{\"role\":\"user\",\"content\":\"\xff\"}]", "isn't JSON"},
      {"3", "type number"},
      {"{}", "without \"messages\""},
      {"[3]", "message 1 is of type number"},
      {R"([{"role":"user"}])", "message 1 has no \"content\""},
      {R"([{"content":"a"}])", "message 1 has no \"role\""},
      {R"([{"role":"user","content":"a"},{"role":"user","content":[]}])",
       "\"content\" of message 2 is of type array"},
      {R"([{"role":"tool","content":"a"}])", "message 1 has the role 'tool'"},
      {R"([{"role":"user","content":"a"},{"role":"system","content":"a"}])",
       "message 2 has the role 'system'"},
  };
  for (const auto& [json, expected] : cases) {
    EXPECT_THAT(error_of(json), HasSubstr(expected)) << json;
    EXPECT_THAT(error_of(json), HasSubstr("here")) << json;
  }
  const std::string deep = std::string(100'000, '[');
  EXPECT_THAT(error_of(deep), HasSubstr("isn't JSON"));
}

}  // namespace
}  // namespace sirocco
