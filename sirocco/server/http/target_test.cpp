#include "sirocco/server/http/target.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sirocco::http {
namespace {

using Segments = std::vector<std::string>;

TEST(Target, IsAPathWithAQuery) {
  const std::optional<Target> target = parse_target("/v1/a%2Fb%20c/?x=1&y=a+b%2B&z&&=w&");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->raw_path, "/v1/a%2Fb%20c/");
  EXPECT_EQ(target->path, "/v1/a/b c/");
  // A slash that was escaped cuts nothing.
  EXPECT_EQ(target->segments, (Segments{"v1", "a/b c", ""}));
  EXPECT_EQ(target->query, (Parameters{{"x", "1"}, {"y", "a b+"}, {"z", ""}, {"", "w"}}));
  EXPECT_EQ(parse_target("/")->segments, (Segments{""}));
  EXPECT_EQ(parse_target("/a?b?c=d")->query, (Parameters{{"b?c", "d"}}));
  EXPECT_EQ(parse_target("/%C3%A9")->path, "/\xC3\xA9");
}

TEST(Target, MayBeAnAbsoluteUrl) {
  EXPECT_EQ(parse_target("http://a.example:80/b?c")->authority, "a.example:80");
  EXPECT_EQ(parse_target("http://a.example:80/b?c")->raw_path, "/b");
  EXPECT_EQ(parse_target("HTTPS://a.example")->raw_path, "/");
  EXPECT_EQ(parse_target("http://a.example?b=c")->query, (Parameters{{"b", "c"}}));
  EXPECT_EQ(parse_target("*")->path, "*");
  EXPECT_TRUE(parse_target("*")->segments.empty());
}

TEST(Target, IsNothingElse) {
  for (const char* text :
       {"",         "a",    "a.example:443", "**",   "http://", "http:///a", "http://me@a.example/",
        "ftp://a/", "/%",   "/%4",           "/%4g", "/%00",    "/%0a",      "/a?b=%0d",
        "/%ff",     "/%C3", "/%C2%85",       "/a#b", "/a?%",    "/\x7f"}) {
    EXPECT_FALSE(parse_target(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sirocco::http
