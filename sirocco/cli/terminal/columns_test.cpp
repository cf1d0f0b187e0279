#include "sirocco/cli/terminal/columns.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sirocco {
namespace {

struct Wide {
  std::string_view text;  // one cluster
  int columns;
};

constexpr std::string_view kFamily = "\U0001F469\u200D\U0001F469\u200D\U0001F467";

TEST(Columns, OfOneCharacter) {
  const Wide cases[] = {
      {"a", 1},
      {"é", 1},
      {"e\u0301", 1},
      {"日", 2},
      {"ｱ", 1},
      {"Ａ", 2},
      {"각", 2},
      {"\u1100\u1161\u11a8", 2},
      {"🙂", 2},
      {kFamily, 2},
      {"👍🏽", 2},
      {"🇫🇷", 2},
      {"\u2764", 1},
      {"\u2764\uFE0F", 2},
      {"1\uFE0F\u20E3", 2},
      {"\U0001FAE9", 2},  // of Unicode 16
      {"\u200B", 0},
      {"\n", 0},
      {"\x1b", 0},
      {"\xff", 1},
  };
  for (const Wide& c : cases) {
    const Cluster cluster = cluster_at(c.text, 0);
    EXPECT_EQ(cluster.size, c.text.size()) << c.text;
    EXPECT_EQ(cluster.columns, c.columns) << c.text;
    EXPECT_EQ(cluster_before(c.text, c.text.size()), 0u) << c.text;
  }
}

TEST(Columns, BackAndForthAgree) {
  const std::string text =
      "a\r\nb e\u0301\u0302 日本\n🇫🇷🇩🇪" + std::string(kFamily) + "x\u2764\uFE0F\xff\xe6\x97 \t각z";
  std::vector<std::size_t> begins;
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size();) {
    begins.push_back(i);
    const Cluster cluster = cluster_at(text, i);
    ASSERT_GT(cluster.size, 0u);
    columns += static_cast<std::size_t>(cluster.columns);
    i += cluster.size;
  }
  EXPECT_EQ(columns_of(text), columns);
  std::size_t end = text.size();
  while (end > 0) {
    end = cluster_before(text, end);
    ASSERT_FALSE(begins.empty());
    EXPECT_EQ(end, begins.back());
    begins.pop_back();
  }
  EXPECT_TRUE(begins.empty());
}

}  // namespace
}  // namespace sirocco
