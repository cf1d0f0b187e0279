#include "sirocco/server/openai/responses/message_item.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sirocco/server/json/refusal_testing.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<InputItem> read(std::string_view input) {
  const json::Value value = json::parse(input);
  return read_input(json::Field(value, "input"));
}

MessageItem message(const InputItem& item) { return std::get<MessageItem>(item); }

ItemPart said(const char* text) { return std::string(text); }

TEST(MessageItems, ATextIsAUsers) {
  const auto items = read(R"("Hi\n")");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(message(items[0]).role, Role::kUser);
  EXPECT_THAT(message(items[0]).parts, ElementsAre(said("Hi\n")));
  EXPECT_THAT(message(read(R"("")")[0]).parts, ElementsAre(said("")));
}

TEST(MessageItems, AreRead) {
  const auto items = read(R"([
      {"role":"system","content":"a"},
      {"role":"developer","content":"b","type":"message"},
      {"role":"user","content":[{"type":"input_text","text":"c"},{"type":"input_text","text":"d"}],
       "status":"completed","id":null},
      {"id":"msg_1","role":"assistant","type":"message","status":"incomplete","phase":"final_answer",
       "content":[{"type":"output_text","text":"e","annotations":[{"x":1}],"logprobs":[{"token":"e"}]}]},
      {"type":"item_reference","id":"msg_2"},
      {"id":"msg_3","type":null}])");
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(message(items[0]).role, Role::kSystem);
  EXPECT_EQ(message(items[1]).role, Role::kDeveloper);
  EXPECT_EQ(message(items[2]).role, Role::kUser);
  EXPECT_THAT(message(items[2]).parts, ElementsAre(said("c"), said("d")));
  EXPECT_EQ(message(items[3]).role, Role::kAssistant);
  EXPECT_THAT(message(items[3]).parts, ElementsAre(said("e")));
  EXPECT_EQ(message(items[3]).id, "");
  EXPECT_EQ(std::get<ItemReference>(items[4]).id, "msg_2");
  EXPECT_EQ(std::get<ItemReference>(items[5]).id, "msg_3");
}

TEST(MessageItems, AreMessagesOfAConversation) {
  const ChatMessage read_one =
      chat_message({"msg_1", Role::kDeveloper, {said("c"), said(""), said("d")}});
  EXPECT_EQ(read_one.role, Role::kDeveloper);
  EXPECT_EQ(read_one.content->text(), "c\n\nd");
}

TEST(MessageItems, HaveSounds) {
  const auto items = read(R"([{"role":"user","content":[
      {"type":"input_audio","input_audio":{"data":"Zm9v","format":"mp3"}},
      {"type":"input_text","text":"a"}]}])");
  MessageItem item = message(items[0]);
  ASSERT_EQ(item.parts.size(), 2u);
  const auto& sound = std::get<ItemSound>(item.parts[0]);
  EXPECT_EQ(sound.sound.source->substr(*sound.sound.base64_at), "Zm9v");
  EXPECT_EQ(sound.sound.medium, Medium::kSound);
  EXPECT_EQ(sound.sound.place, "input[0].content[0].input_audio.data");
  EXPECT_EQ(medium_of(item.parts[1]), nullptr);
  move_media(item, "previous_response_id");
  EXPECT_EQ(chat_message(item).content->first_medium()->place, "previous_response_id");
  json::Writer out;
  write_item(out, item);
  EXPECT_THAT(out.take(), HasSubstr(R"({"type":"input_audio","input_audio":{"data":"Zm9v",)"
                                    R"("format":"mp3"}})"));
}

TEST(MessageItems, ShowPictures) {
  const auto items = read(R"([{"role":"user","content":[
      {"type":"input_image","image_url":"data:image/png;base64,Zm9v","detail":"low","file_id":null},
      {"type":"input_text","text":"a"}]}])");
  MessageItem item = message(items[0]);
  ASSERT_EQ(item.parts.size(), 2u);
  const auto& picture = std::get<ItemPicture>(item.parts[0]);
  EXPECT_EQ(picture.picture.source->substr(*picture.picture.base64_at), "Zm9v");
  EXPECT_EQ(picture.picture.place, "input[0].content[0].image_url");
  EXPECT_EQ(picture.detail, "low");
  move_media(item, "previous_response_id");
  const MessageContent content = *chat_message(item).content;
  EXPECT_EQ(content.first_medium()->place, "previous_response_id");
  EXPECT_EQ(content.parts().size(), 2u);
  EXPECT_EQ(content.text(), "a");
}

TEST(MessageItems, RefusalsNameThePlace) {
  struct Case {
    std::string_view input;
    std::string_view param;
    std::string_view code;
  };
  const Case cases[] = {
      {"5", "input", "invalid_type"},
      {"{}", "input", "invalid_type"},
      {"[]", "input", "invalid_value"},
      {"[5]", "input[0]", "invalid_type"},
      {"[{}]", "input[0]", "missing_required_parameter"},
      {R"([{"role":"user"}])", "input[0]", "missing_required_parameter"},
      {R"([{"content":"a"}])", "input[0]", "missing_required_parameter"},
      {R"([{"role":"tool","content":"a"}])", "input[0].role", "invalid_value"},
      {R"([{"role":"User","content":"a"}])", "input[0].role", "invalid_value"},
      {R"([{"role":"user","content":5}])", "input[0].content", "invalid_type"},
      {R"([{"role":"user","content":[]}])", "input[0].content", "invalid_value"},
      {R"([{"role":"user","content":["a"]}])", "input[0].content[0]", "invalid_type"},
      {R"([{"role":"user","content":[{"text":"a"}]}])", "input[0].content[0]",
       "missing_required_parameter"},
      {R"([{"role":"user","content":[{"type":"input_text"}]}])", "input[0].content[0]",
       "missing_required_parameter"},
      {R"([{"role":"user","content":[{"type":"text","text":"a"}]}])", "input[0].content[0].type",
       "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_image","image_url":"a"}]}])",
       "input[0].content[0].image_url", "invalid_value"},
      {R"([{"role":"user","content":[{"type":"input_image","image_url":"ftp://a/b.png"}]}])",
       "input[0].content[0].image_url", "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_image","file_id":"f"}]}])",
       "input[0].content[0].file_id", "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}])",
       "input[0].content[0].input_audio", "missing_required_parameter"},
      {R"([{"role":"system","content":[{"type":"input_audio","input_audio":{"data":"Zg"}}]}])",
       "input[0].content[0].input_audio.data", "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_image"}]}])", "input[0].content[0]",
       "missing_required_parameter"},
      {R"([{"role":"system","content":[{"type":"input_image","image_url":"data:;base64,Zg"}]}])",
       "input[0].content[0].image_url", "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_file","file_id":"f"}]}])",
       "input[0].content[0].type", "unsupported_value"},
      {R"([{"role":"user","content":[{"type":"input_text","text":"a","x":1}]}])",
       "input[0].content[0].x", "unknown_parameter"},
      {R"([{"role":"assistant","content":[{"type":"refusal","refusal":"a"}]}])",
       "input[0].content[0].type", "unsupported_value"},
      {R"([{"role":"user","content":"a"},{"type":"function_call","name":"f"}])", "input[1].type",
       "unsupported_value"},
      {R"([{"type":5,"role":"user","content":"a"}])", "input[0].type", "invalid_type"},
      {R"([{"role":"user","content":"a","name":"Ann"}])", "input[0].name", "unknown_parameter"},
      {R"([{"role":"user","content":"a","status":"done"}])", "input[0].status",
       "unsupported_value"},
      {R"([{"type":"item_reference"}])", "input[0]", "missing_required_parameter"},
      {R"([{"type":"item_reference","id":5}])", "input[0].id", "invalid_type"},
      {R"([{"type":"item_reference","id":"a","role":"user"}])", "input[0].role",
       "unknown_parameter"},
  };
  for (const auto& [input, param, code] : cases) {
    const auto refusal = refusal_of([&] { read(input); });
    ASSERT_TRUE(refusal) << input;
    EXPECT_EQ(refusal->param, param) << input << ": " << *refusal;
    EXPECT_EQ(refusal->code, code) << input << ": " << *refusal;
  }
  const auto kind = refusal_of([&] { read(R"([{"type":"reasoning"}])"); });
  EXPECT_THAT(kind->message, HasSubstr("'reasoning'"));
}

// What is told of an item can be sent back.
TEST(MessageItemsProperty, AreReadAsTheyAreWritten) {
  EXPECT_TRUE(rc::check([] {
    MessageItem item;
    item.id = "msg_1";
    item.role = *rc::gen::element(Role::kSystem, Role::kDeveloper, Role::kUser, Role::kAssistant);
    for (std::string part : *rc::gen::nonEmpty(
             rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>()))) {
      std::erase_if(part, [](char c) { return static_cast<unsigned char>(c) > 0x7F || c == 0; });
      item.parts.emplace_back(std::move(part));
      if (item.role != Role::kUser || !*rc::gen::arbitrary<bool>()) continue;
      const std::string url = "data:image/png;base64,Zm9v";
      item.parts.emplace_back(
          ItemPicture{{std::make_shared<const std::string>(url), url.find(',') + 1, ""},
                      *rc::gen::element<std::string>("auto", "low")});
    }
    json::Writer out;
    out.open_array();
    write_item(out, item);
    out.close_array();
    const std::string text = out.take();
    const auto again = read(text);
    RC_ASSERT(again.size() == 1u);
    RC_ASSERT(message(again[0]).role == item.role);
    RC_ASSERT(message(again[0]).parts == item.parts);
    const bool answer = item.role == Role::kAssistant;
    RC_ASSERT((text.find("output_text") != std::string::npos) == answer);
    RC_ASSERT((text.find("input_text") != std::string::npos) == !answer);
  }));
}

}  // namespace
}  // namespace sirocco::openai
