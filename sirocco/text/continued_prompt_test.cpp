#include "sirocco/text/continued_prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"
#include "sirocco/text/conversation.hpp"

namespace sirocco {
namespace {

using ::testing::ElementsAre;

RenderedPrompt continued(std::string_view chat_template, const std::string& answer) {
  ChatContext context;
  context.messages = messages_of({"", {{"user", "Hi"}, {"assistant", answer}}});
  context.add_generation_prompt = false;
  return continued_prompt(ChatTemplate(chat_template).render(context), answer);
}

constexpr std::string_view kPlain =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>\n{% endfor %}";
constexpr std::string_view kTrimmed =
    "{% for m in messages %}<{{ m.role }}>\n{{ m.content | trim }}</>{% endfor %}";

TEST(ContinuedPrompt, BreaksOffWhereTheMessageDoes) {
  const RenderedPrompt prompt = continued(kPlain, "Hel</>lo ");
  EXPECT_EQ(prompt.text, "<user>Hi</>\n<assistant>Hel</>lo ");
  EXPECT_THAT(prompt.trusted,
              ElementsAre(RenderedPrompt::Range{0, 6}, RenderedPrompt::Range{8, 23}));
  EXPECT_EQ(continued(kTrimmed, " Hello\n").text, "<user>\nHi</><assistant>\nHello");
  EXPECT_EQ(continued("{{ messages[1].content }}", "a").text, "a");
}

// The template's own words are no message, however they are spelled.
TEST(ContinuedPrompt, IsRefusedWhereTheMessageIsntLast) {
  for (const auto& [chat_template, answer] : {
           std::pair{"{{ messages[1].content }}</s>{{ messages[0].content }}", "a"},
           std::pair{"{{ messages[1].content | upper }}", "a"},
           std::pair{"{{ messages[1].content | upper }}a", "a"},
           std::pair{"{{ messages[0].content }}", "a"},
           std::pair{"nothing", "a"},
           std::pair{"{{ messages[1].content }}", " \n"},
       }) {
    EXPECT_THROW(continued(chat_template, answer), UnsupportedError) << chat_template;
  }
}

}  // namespace
}  // namespace sirocco
