#include "sirocco/server/json/writer.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "sirocco/base/utf8.hpp"

namespace sirocco::json {
namespace {

std::string text(std::string_view bytes) { return Writer().text(bytes).take(); }

TEST(JsonWriter, WritesNestedValues) {
  Writer out;
  out.open_object().member("a", 1).name("b").open_array().text("x").null().boolean(false);
  out.open_object().close_object().open_array().close_array().close_array();
  out.member("c", nullptr).member("d", 0.5).member("e", true).member("f", "g").close_object();
  EXPECT_EQ(out.take(), R"({"a":1,"b":["x",null,false,{},[]],"c":null,"d":0.5,"e":true,"f":"g"})");
  EXPECT_EQ(out.number(std::int64_t{7}).take(), "7");
}

TEST(JsonWriter, Texts) {
  using namespace std::string_view_literals;
  EXPECT_EQ(text("a\"\\\n\r\t\b\f\x01\x1f\x7f\0é🙂"sv),
            "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f\\u0000é🙂\"");
  EXPECT_EQ(text("a\xff\xc3"), "\"a\ufffd\ufffd\"");
  EXPECT_EQ(text("\xf0\x9f\x99z"), "\"\ufffdz\"");
}

TEST(JsonWriter, Numbers) {
  const auto single = [](float value) { return Writer().number(value).take(); };
  const auto whole = [](double value) { return Writer().number(value).take(); };
  EXPECT_EQ(single(0.1f), "0.1");
  EXPECT_EQ(whole(0.1), "0.1");
  EXPECT_EQ(whole(static_cast<double>(0.1f)), "0.10000000149011612");
  EXPECT_EQ(single(-2.3222f), "-2.3222");
  EXPECT_EQ(whole(1e300), "1e+300");
  EXPECT_EQ(single(std::numeric_limits<float>::infinity()), "null");
  EXPECT_EQ(whole(std::nan("")), "null");
  EXPECT_EQ(Writer().number(std::numeric_limits<std::int64_t>::min()).take(),
            "-9223372036854775808");
}

TEST(JsonWriterProperty, AnyBytesAreReadBack) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    std::string expected;
    Utf8Assembler assembler;
    assembler.push(bytes, expected);
    assembler.finish(expected);
    const std::string written = text(bytes);
    RC_ASSERT(is_utf8(written));
    RC_ASSERT(nlohmann::json::parse(written).get<std::string>() == expected);
    // One line: what follows "data: " in an event.
    RC_ASSERT(written.find_first_of("\r\n") == std::string::npos);
  }));
}

TEST(JsonWriterProperty, NumbersAreReadBack) {
  EXPECT_TRUE(rc::check([](std::uint32_t bits, std::uint64_t more) {
    const auto single = std::bit_cast<float>(bits);
    const auto whole = std::bit_cast<double>(more);
    const std::string a = Writer().number(single).take();
    const std::string b = Writer().number(whole).take();
    if (std::isfinite(single)) {
      float back = 0;
      std::from_chars(a.data(), a.data() + a.size(), back);
      RC_ASSERT(back == single);
      RC_ASSERT(nlohmann::json::accept(a));
    }
    if (std::isfinite(whole)) RC_ASSERT(nlohmann::json::parse(b).get<double>() == whole);
  }));
}

}  // namespace
}  // namespace sirocco::json
