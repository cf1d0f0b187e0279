#include "sirocco/server/fetch/picture_fetcher.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/server_testing.hpp"

namespace sirocco {
namespace {

using http::Answered;
using http::Exchange;
using http::Task;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What the picture server answers: /p a picture, and what goes wrong.
Task<Answered> answer_picture(std::atomic<int>& asked, Exchange& exchange) {
  ++asked;
  const http::Request& request = exchange.request();
  http::Response response;
  response.content_type = "image/png";
  response.status = std::stoi(std::string(request.query_value("status").value_or("200")));
  response.body = "picture";
  if (const auto type = request.query_value("type")) response.content_type = *type;
  if (const auto to = request.query_value("to"))
    response.headers.push_back({"location", std::string(*to)});
  if (const auto size = request.query_value("size"))
    response.body.assign(std::stoul(std::string(*size)), 'x');
  for (const char* name : {"authorization", "cookie", "referer", "proxy-authorization"})
    if (request.header(name)) response.body = name;
  if (const auto echo = request.query_value("echo"))
    response.body = std::string(request.header(*echo).value_or("none"));
  co_return co_await exchange.respond(std::move(response));
}

/// A server on loopback and a fetcher that is allowed to ask it by names of a test's own.
class Fetch : public ::testing::Test {
 protected:
  Fetch()
      : server_({}, {{http::Method::kGet, "/p",
                      [this](Exchange& e) { return answer_picture(asked_, e); }}}) {
    options_.threads = 2;
    options_.resolve = [this](const std::string& host) {
      const std::lock_guard lock(mutex_);
      resolved_.push_back(host);
      std::vector<IpAddress> out;
      if (host == "inside.example") out = {*IpAddress::parse("127.0.0.1")};
      if (host == "private.example") out = {*IpAddress::parse("10.0.0.1")};
      if (host == "both.example") out = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
      if (const auto digits = IpAddress::parse(host)) out = {*digits};
      if (out.empty()) throw IoError("{} isn't found", sirocco::quoted(host));
      return out;
    };
    options_.also_allowed = [this](const IpAddress& address, std::uint16_t port) {
      return address == *IpAddress::parse("127.0.0.1") && port == server_.server->port();
    };
  }

  std::string url(const std::string& query = "", const std::string& host = "inside.example") const {
    return fmt::format("http://{}:{}/p{}", host, server_.server->port(), query);
  }
  std::string fetched(const std::string& at, std::size_t max_bytes = 1000) {
    PictureFetcher fetcher(options_);
    std::atomic<bool> rung = false;
    Fetching way = fetcher.begin(at, max_bytes, [&] { rung = true; });
    http::eventually([&] { return rung.load(); });
    EXPECT_TRUE(way.ended());
    const FetchedFile file = way.take();
    return {reinterpret_cast<const char*>(file->data()), file->size()};
  }
  std::string failure(const std::string& at, std::size_t max_bytes = 1000) {
    try {
      return "fetched: " + fetched(at, max_bytes);
    } catch (const Error& e) {
      return e.what();
    }
  }

  std::atomic<int> asked_ = 0;
  http::TestServer server_;
  FetchOptions options_;
  std::mutex mutex_;
  std::vector<std::string> resolved_;
};

TEST_F(Fetch, APicture) {
  EXPECT_EQ(fetched(url()), "picture");
  EXPECT_THAT(resolved_, ElementsAre("inside.example"));
  EXPECT_EQ(fetched(url("?type=application/octet-stream")), "picture");
  EXPECT_EQ(fetched(url("?type=IMAGE/PNG;a=b")), "picture");
  EXPECT_EQ(fetched(url("?size=0")), "");
  EXPECT_EQ(fetched(url("?echo=host")), fmt::format("inside.example:{}", server_.server->port()));
}

TEST_F(Fetch, OnlyFromPublicHosts) {
  // The allowance is the test's: without it not even this server is asked.
  const auto allowed = std::exchange(options_.also_allowed, nullptr);
  for (const char* host :
       {"inside.example", "private.example", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0x7f.1", "2130706433", "0"})
    EXPECT_THAT(failure(url("", host)), HasSubstr("isn't a public host")) << host;
  options_.also_allowed = allowed;
  // One address that isn't public is enough.
  EXPECT_THAT(failure(url("", "both.example")), HasSubstr("isn't a public host"));
  EXPECT_EQ(asked_, 0);
  EXPECT_THAT(failure(url("", "nowhere.example")), HasSubstr("isn't found"));
}

TEST_F(Fetch, OnlyWebAddressesWithoutCredentials) {
  for (const char* at :
       {"file:///etc/hostname", "ftp://inside.example/p", "gopher://inside.example/",
        "inside.example/p", "", "http://", "http:// a/p"})
    EXPECT_THAT(failure(at), HasSubstr("a picture's address")) << at;
  EXPECT_THAT(failure(url("", "ann:secret@inside.example")), HasSubstr("a user's name"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(Fetch, NoProxyOfTheEnvironment) {
  // Port 9 discards; a proxy there would fail.
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    setenv(name, "http://ann:b@127.0.0.1:9", 1);
  EXPECT_EQ(fetched(url()), "picture");
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST_F(Fetch, RedirectsAreCheckedAndCounted) {
  EXPECT_EQ(fetched(url("?status=302&to=/p")), "picture");
  EXPECT_EQ(fetched(url("?status=307&to=http%3A//127.0.0.1:" +
                        std::to_string(server_.server->port()) + "/p")),
            "picture");
  EXPECT_EQ(asked_, 4);
  EXPECT_THAT(failure(url("?status=301&to=http%3A//private.example/p")),
              HasSubstr("'private.example' isn't a public host"));
  EXPECT_THAT(failure(url("?status=308&to=//10.0.0.1/p")), HasSubstr("isn't a public host"));
  EXPECT_THAT(failure(url("?status=303&to=file%3A///etc/hostname")),
              HasSubstr("neither http nor https"));
  EXPECT_EQ(asked_, 7);
  asked_ = 0;
  EXPECT_THAT(failure(url("?status=302&to=%3Fstatus=302%26to=")), HasSubstr("status 302"));
  // To itself, again and again.
  options_.max_redirects = 2;
  asked_ = 0;
  const std::string again =
      "?status=302&to=%2Fp%3Fstatus%3D302%26to%3D%252Fp%253Fstatus%253D302%2526to%253D%25252Fp";
  EXPECT_THAT(failure(url(again)), HasSubstr("more than 2 times"));
  EXPECT_EQ(asked_, 3);
}

TEST_F(Fetch, OnlyFromListedHosts) {
  options_.hosts = {"INSIDE.example"};
  EXPECT_EQ(fetched(url()), "picture");
  EXPECT_THAT(failure(url("", "127.0.0.1")), HasSubstr("isn't among the hosts"));
  EXPECT_THAT(failure(url("?status=302&to=http%3A//127.0.0.1:" +
                          std::to_string(server_.server->port()) + "/p")),
              HasSubstr("'127.0.0.1' isn't among the hosts"));
  // A name that isn't listed isn't even looked up.
  EXPECT_THAT(resolved_, ElementsAre("inside.example", "inside.example"));
  options_.hosts = {"http://a"};
  EXPECT_THROW(PictureFetcher{options_}, InvalidArgument);

  const std::vector<std::string> hosts = {"a.example", ".b.example"};
  for (const char* listed : {"a.example", "a.example.", "x.b.example", "x.y.b.example"})
    EXPECT_TRUE(is_listed_host(listed, hosts)) << listed;
  for (const char* other :
       {"b.example", "x.a.example", "xa.example", "xb.example", ".b.example", "a.example.evil", ""})
    EXPECT_FALSE(is_listed_host(other, hosts)) << other;
}

TEST_F(Fetch, AnswersThatAreNoPictures) {
  EXPECT_THAT(failure(url("?status=404")), HasSubstr("status 404"));
  EXPECT_THAT(failure(url("?status=206")), HasSubstr("status 206"));
  EXPECT_THAT(failure(url("?type=text/html")), HasSubstr("'text/html'"));
  EXPECT_EQ(fetched(url("?size=1000")).size(), 1000U);
  EXPECT_THAT(failure(url("?size=1001")), HasSubstr("more than 1000 bytes"));
  options_.max_bytes = 6;
  EXPECT_THAT(failure(url()), HasSubstr("more than 6 bytes"));
}

TEST_F(Fetch, FilesThatSomebodyHoldsAreCounted) {
  options_.max_held_bytes = 10;
  PictureFetcher fetcher(options_);
  const auto ended = [&](Fetching& way) { return http::eventually([&] { return way.ended(); }); };
  Fetching first = fetcher.begin(url(), 1000, [] {});
  ASSERT_TRUE(ended(first));
  FetchedFile file = first.take();
  Fetching second = fetcher.begin(url(), 1000, [] {});
  ASSERT_TRUE(ended(second));
  EXPECT_THROW(second.take(), Busy);
  file.reset();
  Fetching third = fetcher.begin(url(), 1000, [] {});
  ASSERT_TRUE(ended(third));
  EXPECT_EQ(third.take()->size(), 7U);
}

TEST_F(Fetch, ServersThatSayNothingAreLeft) {
  options_.max_s = 0.2;
  const std::string silent = fmt::format("http://inside.example:{}/silent", server_.server->port());
  EXPECT_THAT(failure(silent), HasSubstr("timed out"));
  // Whoever goes away ends it too, and who waits behind it has its turn.
  options_.max_s = 60;
  options_.threads = 1;
  options_.max_waiting = 1;
  PictureFetcher fetcher(options_);
  const int before = server_.seen.waiting;
  std::optional<Fetching> first = fetcher.begin(silent, 1000, [] {});
  http::eventually([&] { return server_.seen.waiting > before; });
  Fetching behind = fetcher.begin(url(), 1000, [] {});
  EXPECT_THROW(auto more = fetcher.begin(url(), 1000, [] {}), Busy);
  first.reset();
  ASSERT_TRUE(http::eventually([&] { return behind.ended(); }));
  EXPECT_EQ(behind.take()->size(), 7U);
  // And the fetcher's own end.
  Fetching last = fetcher.begin(silent, 1000, [] {});
}

}  // namespace
}  // namespace sirocco
