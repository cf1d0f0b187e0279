#include "sirocco/hub/url.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

Url url(std::string_view text) { return Url::parse(text, "test"); }

TEST(Url, HasAnOrigin) {
  EXPECT_EQ(url("https://Hub.Example/a/b?c=d").origin(), "https://hub.example:443");
  EXPECT_EQ(url("http://hub.example:8080").origin(), "http://hub.example:8080");
  EXPECT_EQ(url("HTTP://[::1]/").origin(), "http://[::1]:80");
  EXPECT_TRUE(url("https://a").is_encrypted());
  EXPECT_FALSE(url("http://a").is_encrypted());
  EXPECT_NE(url("https://a:8443").origin(), url("https://a").origin());
  EXPECT_EQ(url("https://a:443").origin(), url("https://a").origin());
}

TEST(Url, IsHttpAndNothingElse) {
  for (const char* const text :
       {"", "a", "/x", "ftp://a/", "file:///x", "javascript:x", "https://", "https://a b/",
        "https://a/\n", "https://ann:secret@a/", "https://ann@a/"})
    EXPECT_THROW(url(text), FormatError) << text;
  EXPECT_THROW(url(std::string("https://a/\0b", 12)), FormatError);
  EXPECT_THROW(url("https://a/" + std::string(20000, 'x')), FormatError);
}

TEST(Url, ResolvesWhatServersRedirectTo) {
  const Url base = url("https://hub.example:444/a/b/c?d=e");
  const auto to = [&](std::string_view location) { return base.resolved(location, "test").text(); };
  EXPECT_EQ(to("https://other.example/x?y=%2F"), "https://other.example/x?y=%2F");
  EXPECT_EQ(to("/x/y"), "https://hub.example:444/x/y");
  EXPECT_EQ(to("x"), "https://hub.example:444/a/b/x");
  EXPECT_EQ(to("../x"), "https://hub.example:444/a/x");
  EXPECT_EQ(to("/x?y#z"), "https://hub.example:444/x?y") << "a fragment isn't sent";
  EXPECT_EQ(base.resolved("//other.example/x", "test").origin(), "https://other.example:443");
  EXPECT_THROW(base.resolved("ftp://x/", "test"), FormatError);
  EXPECT_THROW(base.resolved("https://u:p@x/", "test"), FormatError);
}

TEST(Url, LeadsBelow) {
  EXPECT_EQ(url("https://a/hub/").below("/x").text(), "https://a/hub/x");
  EXPECT_EQ(url("https://a").below("/x?y").text(), "https://a/x?y");
  EXPECT_EQ(percent_encoded("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percent_encoded("a b/ü?#.gguf", true), "a%20b/%C3%BC%3F%23.gguf");
}

RC_GTEST_PROP(AnyUrl, IsItsOwnNormalFormAndKeepsItsOriginBelow, (const std::string& text)) {
  try {
    const Url any = url("http://hub.example/a").resolved(text, "test");
    RC_ASSERT(url(any.text()).text() == any.text());
    RC_ASSERT(url(any.text()).origin() == any.origin());
  } catch (const FormatError&) {
  }
  const Url below = url("http://hub.example").below("/" + percent_encoded(text));
  RC_ASSERT(url(below.text()).origin() == "http://hub.example:80");
}

}  // namespace
}  // namespace sirocco
