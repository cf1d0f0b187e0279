#include "sirocco/server/openai/responses/response_items.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "sirocco/server/json/refusal_testing.hpp"

namespace sirocco::openai {
namespace {

using json_testing::refusal_of;
using Json = nlohmann::json;

std::vector<MessageItem> some_items(int count) {
  std::vector<MessageItem> out;
  for (int i = 0; i < count; ++i) {
    out.push_back({fmt::format("msg_{}", i),
                   i % 2 == 0 ? Role::kUser : Role::kAssistant,
                   {fmt::format("text {}", i)}});
  }
  return out;
}

Json page_of(const std::vector<MessageItem>& items, const ItemPage& page) {
  std::vector<const MessageItem*> pointers;
  for (const MessageItem& item : items) pointers.push_back(&item);
  return Json::parse(item_page_body(pointers, page));
}

TEST(ResponseItems, QueriesAreRead) {
  const ItemPage usual = read_item_page({});
  EXPECT_EQ(usual.limit, 20u);
  EXPECT_TRUE(usual.newest_first);
  EXPECT_EQ(usual.after, std::nullopt);
  const ItemPage asked =
      read_item_page({{"limit", "100"}, {"order", "asc"}, {"after", "msg_1"}, {"other", "x"}});
  EXPECT_EQ(asked.limit, 100u);
  EXPECT_FALSE(asked.newest_first);
  EXPECT_EQ(asked.after, "msg_1");
  EXPECT_TRUE(read_item_page({{"order", "desc"}}).newest_first);
}

TEST(ResponseItems, QueriesAreRefusedByName) {
  for (const auto& [name, value] : {std::pair("limit", "0"),
                                    {"limit", "101"},
                                    {"limit", "-1"},
                                    {"limit", ""},
                                    {"limit", "5x"},
                                    {"limit", "1e1"},
                                    {"limit", "99999999999999999999"},
                                    {"order", "up"},
                                    {"order", ""}}) {
    const auto refusal = refusal_of([&] { read_item_page({{name, value}}); });
    ASSERT_TRUE(refusal) << name << "=" << value;
    EXPECT_EQ(refusal->param, name);
    EXPECT_EQ(refusal->code, "invalid_value");
  }
  const auto refusal = refusal_of([&] { page_of(some_items(2), {.after = "msg_2"}); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->param, "after");
}

TEST(ResponseItems, APage) {
  const Json page = page_of(some_items(3), {.limit = 2, .after = {}});
  EXPECT_EQ(page, Json::parse(R"({"object":"list","data":[
      {"id":"msg_2","type":"message","status":"completed","role":"user",
       "content":[{"type":"input_text","text":"text 2"}]},
      {"id":"msg_1","type":"message","status":"completed","role":"assistant",
       "content":[{"type":"output_text","text":"text 1","annotations":[]}]}],
      "first_id":"msg_2","last_id":"msg_1","has_more":true})"));
  const Json none = page_of(some_items(2), {.after = "msg_0"});
  EXPECT_EQ(none, Json::parse(R"({"object":"list","data":[],"first_id":null,"last_id":null,
      "has_more":false})"));
}

// Page by page, each item comes once and in its order.
TEST(ResponseItemsProperty, PagesAreAll) {
  EXPECT_TRUE(rc::check([] {
    const int count = *rc::gen::inRange(0, 30);
    const auto items = some_items(count);
    ItemPage page;
    page.limit = static_cast<std::size_t>(*rc::gen::inRange(1, 12));
    page.newest_first = *rc::gen::arbitrary<bool>();
    std::vector<std::string> seen;
    for (bool more = true; more;) {
      const Json read = page_of(items, page);
      RC_ASSERT(read["data"].size() <= page.limit);
      RC_ASSERT(seen.size() <= items.size());  // else it never ends
      for (const Json& item : read["data"]) seen.push_back(item["id"]);
      more = read["has_more"];
      RC_ASSERT(!more || read["data"].size() == page.limit);
      if (!read["data"].empty()) {
        RC_ASSERT(read["first_id"] == read["data"].front()["id"]);
        RC_ASSERT(read["last_id"] == read["data"].back()["id"]);
        page.after = read["last_id"];
      }
    }
    std::vector<std::string> expected;
    for (const MessageItem& item : items) expected.push_back(item.id);
    if (page.newest_first) std::ranges::reverse(expected);
    RC_ASSERT(seen == expected);
  }));
}

}  // namespace
}  // namespace sirocco::openai
