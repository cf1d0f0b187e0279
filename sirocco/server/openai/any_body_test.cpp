// Bodies that were changed somewhere are read or refused, and nothing else.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <set>

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

/// What stands in the place of other bytes: JSON that is seldom expected, and bytes that are none.
constexpr std::array<std::string_view, 30> kPieces = {
    "null", "true",      "false",   "0",    "-1",    "1e999",   "1e30",    "9223372036854775808",
    "-0.0", "0.5",       "NaN",     "\"\"", "\"a\"", "[]",      "{}",      "[[]]",
    "[1]",  "{\"a\":1}", ",",       ":",    "\"",    "\\u0000", "\\ud800", "\xff",
    "\xc3", "[[[[[[[[",  "{\"a\":", "]}]}", "\n",    "\"n\":"};

std::string changed(std::string body, const std::vector<std::uint32_t>& choices) {
  for (const std::uint32_t choice : choices) {
    const std::size_t at = (choice >> 8) % (body.size() + 1);
    const std::size_t length = std::min<std::size_t>((choice >> 3) % 24, body.size() - at);
    switch (choice % 4) {
      case 0:
        body.erase(at, length);
        break;
      case 1:
        body.insert(at, body.substr(at, length));
        break;
      case 2:
        body.replace(at, length, kPieces[(choice >> 20) % kPieces.size()]);
        break;
      default: {
        // A value in the place of one.
        const std::size_t colon = body.find(':', at);
        if (colon == std::string::npos) break;
        const std::size_t end = body.find_first_of(",}]", colon);
        if (end == std::string::npos) break;
        body.replace(colon + 1, end - colon - 1, kPieces[(choice >> 20) % kPieces.size()]);
      }
    }
  }
  return body;
}

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
      const std::string body = changed(std::string(original), choices);
      (check_any_body(body, chat, kRequire) > 0 ? accepted : refused) += 1;
    }));
  }
  // Neither is the rule without exceptions.
  EXPECT_GT(accepted, 4);
  EXPECT_GT(refused, 40);
}

}  // namespace
}  // namespace sirocco::openai
