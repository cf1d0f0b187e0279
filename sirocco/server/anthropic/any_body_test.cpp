// Bodies that were changed somewhere are read or refused, and nothing else.

#include <gtest/gtest.h>

#include "sirocco/server/anthropic/any_body_testing.hpp"
#include "sirocco/server/changed_body_testing.hpp"

namespace sirocco::anthropic {
namespace {

using anthropic_testing::check_any_body;
using anthropic_testing::kBodies;

constexpr std::string_view kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
    "{% if add_generation_prompt %}{{ enable_thinking }}{% endif %}";

TEST(AnyMessagesBody, TheBodiesAreSound) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  for (const std::string_view body : kBodies) {
    EXPECT_EQ(check_any_body(body, chat, [](bool holds) { EXPECT_TRUE(holds); }), 1) << body;
  }
}

TEST(AnyMessagesBodyProperty, ChangedBodiesAreReadOrRefused) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  const auto count = request_testing::read_changed(
      kBodies, [&](const auto& body, auto require) { return check_any_body(body, chat, require); });
  // Neither is the rule without exceptions.
  EXPECT_GT(count.read, 3);
  EXPECT_GT(count.refused, 30);
}

}  // namespace
}  // namespace sirocco::anthropic
