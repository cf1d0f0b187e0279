#include "sirocco/platform/system_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sirocco/platform/fake_system_testing.hpp"

namespace sirocco {
namespace {

TEST(SystemText, ReadsUpToTheLimit) {
  FakeSystem system;
  system.put("/proc/some", "0123456789");
  EXPECT_EQ(read_system_text(system.root() / "proc/some"), "0123456789\n");
  EXPECT_EQ(read_system_text(system.root() / "proc/some", 4), "0123");
  EXPECT_EQ(read_system_text(system.root() / "proc/other"), std::nullopt);
  EXPECT_EQ(read_system_text(system.root() / "proc").value_or(""), "");
}

TEST(SystemText, ParsesNumbers) {
  EXPECT_EQ(parse_system_number(" 42\n"), 42u);
  EXPECT_EQ(parse_system_number("18446744073709551615"), ~std::uint64_t{0});
  for (const char* text : {"", " ", "max", "-1", "4x", "4 2", "18446744073709551616"}) {
    EXPECT_EQ(parse_system_number(text), std::nullopt) << text;
  }
}

TEST(SystemText, ParsesLists) {
  using List = std::vector<int>;
  EXPECT_EQ(parse_system_list("0-3,8,10-11\n"), (List{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_system_list("5,1,5,0-1"), (List{0, 1, 5}));
  EXPECT_EQ(parse_system_list(""), List{});
  EXPECT_EQ(parse_system_list("\n"), List{});
  EXPECT_EQ(parse_system_list("3-1,x,-2,7-,65536,0-18446744073709551615,2"), List{2});
}

TEST(SystemText, FindsBytes) {
  const char* text = "MemTotal:       24684084 kB\nMemFree: 1 kB\nHugePages_Total: 3\nOdd: x kB\n";
  EXPECT_EQ(find_system_bytes(text, "MemTotal"), 24684084u * 1024ull);
  EXPECT_EQ(find_system_bytes(text, "MemFree"), 1024u);
  EXPECT_EQ(find_system_bytes("Node 1 MemTotal:  2048 kB\n", "MemTotal"), 2048u * 1024u);
  for (const char* key : {"Mem", "HugePages_Total", "Odd", "", "Free"}) {
    EXPECT_EQ(find_system_bytes(text, key), std::nullopt) << key;
  }
  EXPECT_EQ(find_system_bytes("MemTotal: 18446744073709551615 kB", "MemTotal"), std::nullopt);
}

RC_GTEST_PROP(SystemText, AnyTextIsHarmless, (const std::string& text)) {
  parse_system_list(text);
  parse_system_number(text);
  find_system_bytes(text, "MemTotal");
}

}  // namespace
}  // namespace sirocco
