#include "sirocco/server/message_content.hpp"

#include <gtest/gtest.h>

#include "sirocco/text/chat_template.hpp"

namespace sirocco {
namespace {

SentMedium picture(const char* base64) {
  return {std::make_shared<const std::string>(base64), 0, "here"};
}

std::string shown(const MessageContent& content) {
  ChatContext context;
  context.variables.emplace("content", content.template_value());
  return ChatTemplate("{{ content }}").render(context).text;
}

TEST(MessageContents, TextsThatFollowEachOtherAreOne) {
  MessageContent content;
  content.add("a");
  content.add("");
  content.add("b");
  EXPECT_EQ(content.text(), "a\n\nb");
  EXPECT_EQ(content, MessageContent("a\n\nb"));
  EXPECT_EQ(shown(content), "a\n\nb");
}

TEST(MessageContents, PicturesStandWhereTheyWereSent) {
  MessageContent content;
  content.add(picture("Zg"));
  content.add("a");
  content.add("b");
  content.add(picture("Zm8"));
  content.add(picture("Zm9v"));
  EXPECT_EQ(content.text(), "a\nb");
  EXPECT_EQ(shown(content),
            "[{'type': 'image'}, {'type': 'text', 'text': 'a\\nb'}, {'type': 'image'}, "
            "{'type': 'image'}]");
  std::vector<SentMedium> pictures;
  content.append_media(pictures);
  ASSERT_EQ(pictures.size(), 3u);
  EXPECT_EQ(pictures[1].source->substr(*pictures[1].base64_at), "Zm8");
  EXPECT_TRUE(content.first_medium()->source->ends_with("Zg"));
}

TEST(MessageContents, EmptyTextsSayNothing) {
  EXPECT_FALSE(MessageContent().says_anything());
  EXPECT_FALSE(MessageContent("").says_anything());
  EXPECT_TRUE(MessageContent(" ").says_anything());
  MessageContent content("");
  content.add(picture("Zg"));
  EXPECT_TRUE(content.says_anything());
  EXPECT_EQ(shown(MessageContent()), "");
}

}  // namespace
}  // namespace sirocco
