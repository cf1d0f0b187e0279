// Bodies that were changed somewhere are read or refused, and nothing else.

#include <gtest/gtest.h>
#include <rapidcheck.h>

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
  int accepted = 0;
  int refused = 0;
  for (const std::string_view original : kBodies) {
    EXPECT_TRUE(rc::check([&](const std::vector<std::uint32_t>& choices) {
      const std::string body = request_testing::changed(std::string(original), choices);
      const auto require = [](bool condition) { RC_ASSERT(condition); };
      (check_any_body(body, chat, require) > 0 ? accepted : refused) += 1;
    }));
  }
  // Neither is the rule without exceptions.
  EXPECT_GT(accepted, 3);
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace sirocco::anthropic
