#include "sirocco/formats/json_value.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using ::testing::HasSubstr;

/// The document, or nothing where it is refused.
std::optional<JsonValue> parsed(std::string_view text) {
  try {
    return parse_json(text, "here");
  } catch (const FormatError&) {
    return std::nullopt;
  }
}

double number(std::string_view text) {
  const auto value = parsed(text);
  return value && value->as<double>() ? *value->as<double>() : -12345.0;
}

TEST(JsonValue, NumbersOfPythonsJsonAreNumbers) {
  EXPECT_TRUE(std::isnan(number("NaN")));
  EXPECT_EQ(number(" Infinity\n"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(number("-Infinity"), -std::numeric_limits<double>::infinity());
  const auto value =
      parsed(R"({"NaN": [NaN, 1, -Infinity], "Infinity": {"a": Infinity}, "text": "NaN, \"NaN"})");
  ASSERT_TRUE(value);
  const auto& list = *value->member("NaN")->as<JsonValue::Array>();
  EXPECT_TRUE(std::isnan(*list[0].as<double>()));
  EXPECT_EQ(*list[1].as<std::int64_t>(), 1);
  EXPECT_EQ(*list[2].as<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_GT(*value->member("Infinity")->member("a")->as<double>(), 1e308);
  EXPECT_EQ(*value->member("text")->as<std::string>(), "NaN, \"NaN");
  for (const char* text : {"nan", "-NaN", "+Infinity", "NaNa", "Infinit", "infinity", "[NaN1]",
                           "1NaN", "{NaN: 1}", "--Infinity", "NAN"})
    EXPECT_FALSE(parsed(text)) << text;
}

TEST(JsonValue, AByteOrderMarkInFrontIsSkipped) {
  EXPECT_TRUE(parsed("\xEF\xBB\xBF{}"));
  EXPECT_FALSE(parsed("\xEF\xBB\xBF\xEF\xBB\xBF{}"));
  EXPECT_FALSE(parsed("{\xEF\xBB\xBF}"));
  // UTF-16, as some editors and shells write it.
  EXPECT_FALSE(parsed(std::string_view("\xFF\xFE{\0}\0", 6)));
}

TEST(JsonValue, NumbersAreAsNearAsTheyCanBe) {
  EXPECT_EQ(*parsed("-0")->as<std::int64_t>(), 0);
  EXPECT_EQ(*parsed("9223372036854775807")->as<std::int64_t>(), INT64_MAX);
  EXPECT_EQ(*parsed("-9223372036854775808")->as<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(number("9223372036854775808"), 9223372036854775808.0);
  EXPECT_EQ(number("1000000000000000019884624838656"), 1e30);
  EXPECT_EQ(number("5e-324"), 5e-324);
  EXPECT_EQ(number("-1.25E+2"), -125.0);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number("1e999"), infinity);
  EXPECT_EQ(number("-1e999"), -infinity);
  EXPECT_EQ(number("0.00001e314"), infinity);
  EXPECT_EQ(number("1e99999999999999999999999"), infinity);
  EXPECT_EQ(number(std::string(400, '9')), infinity);
  EXPECT_EQ(number("0e99999999999999999999999"), 0.0);
  EXPECT_EQ(number("1e-999"), 0.0);
  EXPECT_TRUE(std::signbit(number("-1e-99999999999999999999999")));
  EXPECT_EQ(number("123e-9223372036854775807"), 0.0);
}

TEST(JsonValue, StringsAreWhatTheirEscapesSay) {
  const auto text = parsed(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\u0000é😀")");
  ASSERT_TRUE(text);
  constexpr char kMeant[] = "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001F600\0\u00e9\U0001F600";
  EXPECT_EQ(*text->as<std::string>(), std::string_view(kMeant, sizeof kMeant - 1));
  for (const char* broken : {R"("\x41")", R"("\u00g1")", R"("\u00")", R"("\ud83d")", R"("\ude00")",
                             R"("\ud83d\u0041")", R"("\u-001")", R"("\)", R"("open)"})
    EXPECT_FALSE(parsed(broken)) << broken;
}

void expect_equal(const JsonValue& ours, const nlohmann::json& theirs, const std::string& text) {
  if (const auto* object = ours.as<JsonValue::Object>()) {
    ASSERT_TRUE(theirs.is_object()) << text;
    ASSERT_EQ(object->size(), theirs.size()) << text;
    for (const JsonValue::Member& m : *object) expect_equal(m.value, theirs.at(m.name), text);
  } else if (const auto* array = ours.as<JsonValue::Array>()) {
    ASSERT_TRUE(theirs.is_array()) << text;
    ASSERT_EQ(array->size(), theirs.size()) << text;
    for (std::size_t i = 0; i < array->size(); ++i) expect_equal((*array)[i], theirs[i], text);
  } else if (const auto* string = ours.as<std::string>()) {
    EXPECT_EQ(nlohmann::json(*string), theirs) << text;
  } else if (const auto* flag = ours.as<bool>()) {
    EXPECT_EQ(nlohmann::json(*flag), theirs) << text;
  } else if (const auto* integer = ours.as<std::int64_t>()) {
    EXPECT_TRUE(theirs.is_number_integer() && theirs == *integer) << text;
  } else if (const auto* floating = ours.as<double>()) {
    EXPECT_TRUE(theirs.is_number() && theirs.get<double>() == *floating) << text;
  } else {
    EXPECT_TRUE(theirs.is_null()) << text;
  }
}

/// Whatever byte of a document is another one, missing or there twice: what nlohmann's parser
/// takes, and with the values that it has.
TEST(JsonValue, WhatIsTakenIsWhatAnotherParserTakes) {
  const std::string document =
      "{\"key\":[1,-2.5e3,0.1,true,false,null,\"x\\n\\u00e9\"],\"other\":{\"\":[[],{}]},\"last\":-"
      "0}";
  const std::string bytes = "\"\\{}[]:,0-1.eE+tfnu /N\x01\x7f\xc3\xa9";
  int taken = 0;
  const auto compare = [&](const std::string& text) {
    const nlohmann::json theirs = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto ours = parsed(text);
    ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text;
    if (!ours) return;
    ++taken;
    expect_equal(*ours, theirs, text);
  };
  compare(document);
  for (std::size_t i = 0; i < document.size(); ++i) {
    std::string text = document;
    compare(text.erase(i, 1));
    compare(document.substr(0, i));
    for (const char byte : bytes) {
      text = document;
      text[i] = byte;
      compare(text);
      text = document;
      compare(text.insert(i, 1, byte));
    }
  }
  EXPECT_GT(taken, 500);
}

TEST(JsonValue, WhatIsWrongIsSaidWithItsPlace) {
  const auto message = [](std::string_view text) {
    try {
      parse_json(text, "here", {.max_depth = 3, .max_memory = 4096});
    } catch (const FormatError& e) {
      return std::string(e.what());
    }
    return std::string("taken");
  };
  EXPECT_THAT(message("{\"a\": tru}"), HasSubstr("here: is no JSON from byte 6 on, at 'tru}'"));
  EXPECT_THAT(message(""), HasSubstr("is no JSON from byte 0 on"));
  EXPECT_THAT(message("\"\xff\""), HasSubstr("isn't UTF-8"));
  EXPECT_THAT(message("[[[[]]]]"), HasSubstr("nested deeper than 3"));
  EXPECT_EQ(message("[[[]]]"), "taken");
  EXPECT_THAT(message("{\"a\": 1, \"a\": 2}"), HasSubstr("'a' occurs twice"));
  EXPECT_THAT(message("\"" + std::string(5000, 'x') + "\""), HasSubstr("in memory"));
  EXPECT_THAT(message("[" + std::string(400, ' ') + "1,1,1,1,1]"), "taken");
}

}  // namespace
}  // namespace sirocco
