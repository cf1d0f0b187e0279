// Bodies that were changed somewhere are read or refused, and nothing else.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

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

const auto kRequire = [](bool condition) { RC_ASSERT(condition); };

TEST(AnyBody, TheBodiesAreSound) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  for (const std::string_view body : kBodies) {
    EXPECT_EQ(check_any_body(body, chat, [](bool holds) { EXPECT_TRUE(holds); }), 1) << body;
  }
}

TEST(AnyBodyProperty, ChangedBodiesAreReadOrRefused) {
  const ChatFormat chat(ChatTemplate(kTemplate), {});
  int accepted = 0;
  int refused = 0;
  for (const std::string_view original : kBodies) {
    EXPECT_TRUE(rc::check([&](const std::vector<std::uint32_t>& choices) {
      const std::string body = request_testing::changed(std::string(original), choices);
      (check_any_body(body, chat, kRequire) > 0 ? accepted : refused) += 1;
    }));
  }
  // Neither is the rule without exceptions.
  EXPECT_GT(accepted, 4);
  EXPECT_GT(refused, 40);
}

}  // namespace
}  // namespace sirocco::openai
