// Bodies that were changed somewhere are read or refused, and nothing else.

#include <gtest/gtest.h>

#include "sirocco/server/changed_body_testing.hpp"
#include "sirocco/server/openai/any_body_testing.hpp"

namespace sirocco::openai {
namespace {

using openai_testing::check_any_body;
using openai_testing::kBodies;

constexpr std::string_view kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.tool_calls }}{{ m.content }}</>{% endfor %}"
    "{% if enable_thinking and add_generation_prompt %}{{ share }}{{ word }}{{ reasoning_effort "
    "}}{% endif %}";

TEST(AnyBody, TheBodiesAreSound) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  for (const std::string_view body : kBodies) {
    EXPECT_EQ(check_any_body(body, chat, [](bool holds) { EXPECT_TRUE(holds); }), 1) << body;
  }
}

TEST(AnyBodyProperty, ChangedBodiesAreReadOrRefused) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  const auto count = request_testing::read_changed(
      kBodies, [&](const auto& body, auto require) { return check_any_body(body, chat, require); });
  // Neither is the rule without exceptions.
  EXPECT_GT(count.read, 4);
  EXPECT_GT(count.refused, 40);
}

}  // namespace
}  // namespace sirocco::openai
