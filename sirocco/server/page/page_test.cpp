#include "sirocco/server/page/page.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "sirocco/server/guard.hpp"
#include "sirocco/server/http/server_testing.hpp"
#include "tests/support/paths_testing.hpp"

namespace sirocco {
namespace {

using http::Reply;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A server that has the page, and asks for a key.
class Page : public ::testing::Test {
 protected:
  static http::ServerOptions options() {
    http::ServerOptions options;
    options.gate = [guard = Guard(GuardOptions{.keys = {"secret"}})](
                       const http::Request& request, bool open) { return guard(request, open); };
    return options;
  }
  static std::string path_of(const PageFile& file) {
    return file.name == "index.html" ? "/" : fmt::format("/page/{}", file.name);
  }
  Reply get(std::string_view target, std::string_view headers = {}) {
    return server_.client().get(target, headers);
  }
  http::Client client() { return server_.client(); }

 private:
  http::TestServer server_{options(), page_routes()};
};

TEST_F(Page, HasEveryFileAsItIs) {
  std::set<std::string> types;
  ASSERT_FALSE(page_files().empty());
  for (const PageFile& file : page_files()) {
    const Reply reply = get(path_of(file));
    EXPECT_EQ(reply.status, 200) << file.name;
    EXPECT_TRUE(reply.body ==
                read(source_path("sirocco/server/page/files/" + std::string(file.name))))
        << file.name;
    types.insert(reply.header("content-type"));
  }
  EXPECT_EQ(types, (std::set<std::string>{"text/html; charset=utf-8", "text/css; charset=utf-8",
                                          "text/javascript; charset=utf-8", "image/svg+xml"}));
}

TEST_F(Page, LetsNothingForeignIn) {
  for (const PageFile& file : page_files()) {
    const Reply reply = get(path_of(file));
    const std::string policy = reply.header("content-security-policy");
    for (const std::string_view part :
         {"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
          "media-src data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
          "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"}) {
      EXPECT_NE(("; " + policy + ";").find("; " + std::string(part) + ";"), std::string::npos)
          << part << " isn't in " << policy;
    }
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(reply.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(reply.header("referrer-policy"), "no-referrer");
    EXPECT_EQ(reply.header("cross-origin-resource-policy"), "same-origin");
    EXPECT_EQ(reply.header("cross-origin-opener-policy"), "same-origin");
    // Addresses of other hosts are in none of the files, but for the name space of SVG.
    std::string content(file.content);
    for (std::size_t at; (at = content.find("http://www.w3.org/2000/svg")) != std::string::npos;)
      content.erase(at, 26);
    for (const std::string_view address :
         {"src=\"http", "href=\"http", "url(", "@import", "from 'http"})
      EXPECT_EQ(content.find(address), std::string::npos) << file.name << " has " << address;
  }
}

TEST_F(Page, IsSentAgainWhenItChanged) {
  const Reply first = get("/");
  const std::string tag = first.header("etag");
  EXPECT_EQ(first.header("cache-control"), "no-cache");
  EXPECT_EQ(tag.size(), 34u);
  const auto asked_with = [&](const std::string& tags) {
    return get("/", "If-None-Match: " + tags + "\r\n");
  };
  const std::vector<std::string> known = {tag, "W/" + tag, "*", "\"a\", \t" + tag + " ,\"b\""};
  for (const std::string& tags : known) {
    const Reply reply = asked_with(tags);
    EXPECT_EQ(reply.status, 304) << tags;
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(reply.header("etag"), tag);
    EXPECT_EQ(reply.header("cache-control"), "no-cache");
  }
  const std::vector<std::string> others = {"\"a\"", tag.substr(1), ",", ""};
  for (const std::string& tags : others) EXPECT_EQ(asked_with(tags).status, 200) << tags;
  std::set<std::string> all;
  for (const PageFile& file : page_files()) all.insert(get(path_of(file)).header("etag"));
  EXPECT_EQ(all.size(), page_files().size());
}

TEST_F(Page, AnswersHeadAndNothingElse) {
  http::Client other = client();
  other.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const Reply head = other.read_reply(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), std::to_string(get("/").body.size()));
  const std::string key = "Authorization: Bearer secret\r\n";
  EXPECT_EQ(other.post("/", "", key).status, 405);
  for (const std::string_view path : {"/page/", "/page/index.html", "/page/../page.cpp", "/page"})
    EXPECT_EQ(get(path, key).status, 404) << path;
}

TEST_F(Page, WantsNoKeyButTheRightHost) {
  EXPECT_EQ(get("/hello").status, 200);  // open
  EXPECT_EQ(get("/large").status, 401);  // not
  http::Client other = client();
  EXPECT_EQ(other.request("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
}

}  // namespace
}  // namespace sirocco
