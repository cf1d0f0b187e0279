#include "sirocco/server/json/members.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sirocco/server/json/refusal_testing.hpp"

namespace sirocco::json {
namespace {

using json_testing::Refusal;
using json_testing::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Order {
  bool gift = false;
  int pieces = 0;
  std::optional<double> price;
  std::string name;
};

constexpr std::array kOrder = {
    Member<Order>{"gift", Boolean(), put<&Order::gift>, "wrap it"},
    Member<Order>{"pieces", Integer{1, 10}, put<&Order::pieces>, "how many"},
    Member<Order>{"count", Integer{1, 10}, put<&Order::pieces>, "another name for pieces"},
    Member<Order>{"price", Number{0, 2.5, true}, put<&Order::price>, "of one"},
    Member<Order>{"name", Text{3}, put<&Order::name>, "what"},
};
constexpr std::array kUnheeded = {
    UnheededMember{"note", Text(), "nobody reads it"},
    UnheededMember{"express", OneOf{R"([false, "no"])"}, "there is one way"},
    UnheededMember{"sender", OneOf{"[]"}, "nobody is told"},
};

Order read(std::string_view text) {
  const Value value = parse(text);
  MemberReader reader((Field(value)));
  Order out;
  reader.read(out, kOrder);
  reader.pass(kUnheeded);
  reader.finish();
  return out;
}

std::optional<Refusal> refused(std::string_view text) {
  return refusal_of([&] { read(text); });
}

TEST(Members, AreRead) {
  const Order order = read(R"({"pieces":3,"price":2.5,"gift":true,"name":"é","note":"x"})");
  EXPECT_TRUE(order.gift);
  EXPECT_EQ(order.pieces, 3);
  EXPECT_EQ(order.price, 2.5);
  EXPECT_EQ(order.name, "é");
  EXPECT_EQ(read("{}").price, std::nullopt);
  EXPECT_EQ(read(R"({"pieces":4.0})").pieces, 4);
}

TEST(Members, NullIsLeftOut) {
  const Order order = read(R"({"pieces":null,"price":null,"express":null,"other":null})");
  EXPECT_EQ(order.pieces, 0);
  EXPECT_EQ(order.price, std::nullopt);
}

TEST(Members, AreCheckedAndNamed) {
  struct Case {
    std::string_view body;
    std::string_view param;
    std::string_view code;
    std::string_view message;
  };
  const Case cases[] = {
      {"[]", "", "invalid_type", "the body: found an array; expected an object of members"},
      {R"({"gift":1})", "gift", "invalid_type", "gift: found 1; expected true or false"},
      {R"({"pieces":11})", "pieces", "invalid_value",
       "pieces: found 11; expected a whole number from 1 to 10"},
      {R"({"pieces":1.5})", "pieces", "invalid_type", "found 1.5"},
      {R"({"pieces":1e40})", "pieces", "invalid_type", "found 1e+40"},
      {R"({"pieces":"1"})", "pieces", "invalid_type", "found '1'"},
      {R"({"price":0})", "price", "invalid_value", "expected a number above 0, up to 2.5"},
      {R"({"name":"four"})", "name", "invalid_value", "a text of at most 3 bytes"},
      {R"({"name":["a"]})", "name", "invalid_type", "found an array"},
      {R"({"express":true})", "express", "unsupported_value",
       "express: found true; expected false or \"no\", for there is one way"},
      {R"({"sender":"me"})", "sender", "unsupported_value", "found 'me'; expected null"},
      {R"({"pices":1})", "pices", "unknown_parameter", "did you mean pieces?"},
      {R"({"x y\n":1})", "'x y\\x0a'", "unknown_parameter", "there is no such member"},
      {R"({"pieces":2,"count":3})", "count", "invalid_value",
       "found 3, but pieces is 2; these are names of one thing"},
  };
  for (const Case& c : cases) {
    const auto refusal = refused(c.body);
    ASSERT_TRUE(refusal) << c.body;
    EXPECT_EQ(refusal->param, c.param);
    EXPECT_EQ(refusal->code, c.code) << c.body;
    EXPECT_THAT(refusal->message, HasSubstr(c.message));
  }
  EXPECT_FALSE(refused(R"({"pieces":2,"count":2.0})"));
  EXPECT_FALSE(refused(R"({"express":"no"})"));
  EXPECT_FALSE(refused(R"({"name":"abc"})"));
}

TEST(Members, UnknownNamesAreComparedWithKnownOnes) {
  const auto said = [](std::string_view name) {
    return refused("{\"" + std::string(name) + "\":1}")->message;
  };
  EXPECT_THAT(said("gft"), HasSubstr("did you mean gift?"));
  // As near to note, which comes later.
  EXPECT_THAT(said("nome"), HasSubstr("did you mean name?"));
  EXPECT_THAT(said("gt"), HasSubstr("there is no such member"));
  const std::string longest(64, 'a');
  EXPECT_EQ(refused("{\"" + longest + "\":1}")->param, longest);
  EXPECT_THAT(refused("{\"" + longest + "a\":1}")->param, testing::StartsWith("'aaa"));
}

TEST(Fields, OfWholeNumbersAndLists) {
  const auto integer = [](std::string_view text) {
    const Value value = parse(text);
    return Field(value).integer();
  };
  // As far as numbers with a point are whole for sure.
  EXPECT_EQ(integer("9007199254740992.0"), std::int64_t{1} << 53);
  EXPECT_THROW(integer("9007199254740994.0"), InvalidRequest);
  const auto list = [](std::string_view text) {
    return refusal_of([&] {
      const Value value = parse(text);
      Field(value).list({"cats", 1, 2});
    });
  };
  EXPECT_FALSE(list("[1]"));
  EXPECT_FALSE(list("[1,2]"));
  for (const char* const text : {"[]", "[1,2,3]"}) EXPECT_EQ(list(text)->code, "invalid_value");
  EXPECT_EQ(list("{}")->code, "invalid_type");
}

TEST(Members, AreLimited) {
  std::string text = "{";
  for (int i = 0; i < 513; ++i) {
    if (i > 0) text += ',';
    text += '"' + std::to_string(i) + "\":null";
  }
  EXPECT_THAT(refused(text + "}")->message, HasSubstr("more than 512 members"));
}

TEST(Members, AreFoundByName) {
  const Value value = parse(R"({"a":{"b":[5]},"c":null})");
  const MemberReader reader((Field(value)));
  const Field b = Field(value)
                      .member((*value.as<Object>())[0])
                      .member((*(*value.as<Object>())[0].second.as<Object>())[0]);
  EXPECT_EQ(b.item(0).path(), "a.b[0]");
  EXPECT_EQ(b.item(0).integer(), 5);
  EXPECT_EQ(reader.find("a")->path(), "a");
  EXPECT_FALSE(reader.find("c"));
  EXPECT_FALSE(reader.find("d"));
}

TEST(Members, AreDescribed) {
  std::vector<MemberDescription> out;
  describe(std::span<const Member<Order>>(kOrder), out);
  describe(kUnheeded, out);
  ASSERT_EQ(out.size(), kOrder.size() + kUnheeded.size());
  EXPECT_EQ(out[1].name, "pieces");
  EXPECT_EQ(out[1].values, "a whole number from 1 to 10");
  EXPECT_TRUE(out[1].heeded);
  EXPECT_EQ(out[6].values, "false or \"no\"");
  EXPECT_FALSE(out[6].heeded);
}

TEST(Members, ExpectationsInWords) {
  EXPECT_EQ(words(Integer()), "a whole number");
  EXPECT_EQ(words(Integer{.min = 1}), "a whole number of at least 1");
  EXPECT_EQ(words(Integer{.max = 7}), "a whole number of at most 7");
  EXPECT_EQ(words(Number()), "a number");
  EXPECT_EQ(words(Number{-2, 2}), "a number from -2 to 2");
  EXPECT_EQ(words(ListOf{"cats"}), "an array of cats");
  EXPECT_EQ(words(ListOf{"cats", 1}), "an array of at least 1 cats");
  EXPECT_EQ(words(ListOf{"cats", 1, 3}), "an array of 1 to 3 cats");
  EXPECT_EQ(words(OneOf{R"([["a", "b"], {}])"}), R"(["a", "b"] or {})");
}

}  // namespace
}  // namespace sirocco::json
