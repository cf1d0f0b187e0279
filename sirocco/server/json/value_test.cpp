#include "sirocco/server/json/value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "sirocco/base/utf8.hpp"
#include "sirocco/server/json/refusal_testing.hpp"

namespace sirocco::json {
namespace {

using json_testing::Refusal;
using json_testing::refusal_of;
using ::testing::HasSubstr;

std::optional<Refusal> refused(std::string_view text, const ParseLimits& limits = {}) {
  return refusal_of([&] { parse(text, limits); });
}

TEST(JsonValue, HoldsWhatTheTextSays) {
  const Value value = parse(R"( {"a": [null, true, -3, 2.5, "\u00e9\n"], "b": {}, "": ""} )");
  const Object& members = *value.as<Object>();
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].first, "a");
  const Array& items = *members[0].second.as<Array>();
  ASSERT_EQ(items.size(), 5u);
  EXPECT_TRUE(items[0].is_null());
  EXPECT_EQ(*items[1].as<bool>(), true);
  EXPECT_EQ(*items[2].as<std::int64_t>(), -3);
  EXPECT_EQ(*items[3].as<double>(), 2.5);
  EXPECT_EQ(*items[4].as<std::string>(), "é\n");
  EXPECT_TRUE(members[1].second.as<Object>()->empty());
  EXPECT_EQ(members[2].first, "");
}

TEST(JsonValue, Numbers) {
  EXPECT_EQ(*parse("9223372036854775807").as<std::int64_t>(), 9223372036854775807);
  EXPECT_EQ(*parse("-9223372036854775808").as<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(*parse("9223372036854775808").as<double>(), 9223372036854775808.0);
  EXPECT_EQ(*parse("123456789012345678901234567890").as<double>(),
            123456789012345678901234567890.0);
  EXPECT_EQ(*parse("1e-400").as<double>(), 0.0);
}

TEST(JsonValue, EqualAsJsonHasIt) {
  EXPECT_EQ(parse("1"), parse("1.0"));
  EXPECT_EQ(parse(R"({"a":1,"b":[2]})"), parse(R"({"b":[2.0],"a":1})"));
  EXPECT_FALSE(parse(R"({"a":1,"b":2})") == parse(R"({"a":1,"c":2})"));
  EXPECT_FALSE(parse(R"({"a":1})") == parse(R"({"a":1,"b":2})"));
  EXPECT_FALSE(parse("[1,2]") == parse("[2,1]"));
  EXPECT_FALSE(parse("0") == parse("false"));
  EXPECT_FALSE(parse("null") == parse("0"));
}

TEST(JsonValue, RefusesWhatIsNoJson) {
  const std::string_view cases[] = {
      "",
      "{",
      "[1,]",
      "{\"a\":1,}",
      "{'a':1}",
      "nul",
      "NaN",
      "[Infinity]",
      "[1] []",
      "01",
      "+1",
      "1.",
      ".5",
      "0x10",
      "\"a\nb\"",
      "\"\\x\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud83d\\u0041\"",
      "\"\xff\"",
      "\"\xc3\"",
      "\"\xed\xa0\x80\"",
      "/*a*/ 1",
      "{\"a\" 1}",
      "{1:2}",
      "\"\xf4\x90\x80\x80\"",
  };
  for (const std::string_view text : cases) {
    const auto refusal = refused(text);
    ASSERT_TRUE(refusal) << text;
    EXPECT_EQ(refusal->code, "invalid_json") << text;
    EXPECT_EQ(refusal->param, "");
    EXPECT_TRUE(is_utf8(refusal->message)) << text;
  }
  EXPECT_THAT(refused("[1e999]")->message, HasSubstr("too large"));
  EXPECT_THAT(refused("{}{")->message, HasSubstr("isn't JSON from byte 3 on"));
}

TEST(JsonValue, RefusesNul) {
  using namespace std::string_view_literals;
  EXPECT_THAT(refused("{}\0{"sv)->message, HasSubstr("NUL at byte 3"));
  EXPECT_TRUE(refused("\0"sv));
  EXPECT_EQ(*parse(R"("\u0000")").as<std::string>(), "\0"sv);
}

TEST(JsonValue, RefusesANameTwice) {
  EXPECT_THAT(refused(R"([{"a":1,"b":2,"\u0061":3}])")->message, HasSubstr("the member 'a' twice"));
  EXPECT_FALSE(refused(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST(JsonValue, Limits) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_FALSE(refused(nested(32)));
  EXPECT_THAT(refused(nested(33))->message, HasSubstr("nested more than 32"));
  EXPECT_TRUE(refused(std::string(1'000'000, '[')));
  EXPECT_TRUE(refused([] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "{\"a\":";
    return text;
  }()));
  EXPECT_FALSE(refused("[1,2,3]", {.max_values = 4}));
  EXPECT_THAT(refused("[1,2,{}]", {.max_values = 3})->message, HasSubstr("more than 3 values"));
}

TEST(JsonValue, IsDescribed) {
  EXPECT_EQ(described(parse("null")), "null");
  EXPECT_EQ(described(parse("false")), "false");
  EXPECT_EQ(described(parse("1e30")), "1e+30");
  EXPECT_EQ(described(parse(R"("a\u0007")")), "'a\\x07'");
  EXPECT_EQ(described(parse("[]")), "an array");
  EXPECT_EQ(described(parse("{}")), "an object");
}

// What is accepted is what another parser accepts.
TEST(JsonValueProperty, AcceptsWhatIsJson) {
  EXPECT_TRUE(rc::check([] {
    const std::string alphabet = "{}[]\":,\\0123456789eE+-.untrfalsud \n\xc3\xa9";
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(alphabet));
    const bool accepted = !refused(text);
    if (accepted) RC_ASSERT(nlohmann::json::accept(text));
    if (!accepted && nlohmann::json::accept(text)) {
      RC_ASSERT(refused(text)->message.find("twice") != std::string::npos);
    }
  }));
}

}  // namespace
}  // namespace sirocco::json
