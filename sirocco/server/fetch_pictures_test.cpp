#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/server/http/server_testing.hpp"
#include "sirocco/server/media_prompt.hpp"

namespace sirocco {
namespace {

using http::Answered;
using http::Exchange;
using http::Reply;
using http::Task;
using ::testing::HasSubstr;

/// A server whose route /pictures fetches those that its query names, with `url`, from itself.
class FetchPictures : public ::testing::Test {
 protected:
  void start(bool allowed, SentMediaLimits limits = {}) {
    limits_ = limits;
    server_ = std::make_unique<http::TestServer>(
        http::ServerOptions{},
        std::vector<http::Route>{
            {http::Method::kGet, "/pictures", [this](Exchange& e) { return answer(e); }},
            {http::Method::kGet, "/picture/{name}", [](Exchange& e) {
               http::Response response;
               response.content_type = "image/png";
               response.body = std::string(e.request().parameter("name"));
               return e.respond(std::move(response));
             }}});
    ServiceOptions options;
    if (allowed) {
      options.fetch = FetchOptions{};
      options.fetch->resolve = [](const std::string&) {
        return std::vector<IpAddress>{*IpAddress::parse("127.0.0.1")};
      };
      options.fetch->also_allowed = [port = server_->server->port()](
                                        const IpAddress&, std::uint16_t to) { return to == port; };
    }
    service_.emplace(engine_, models_, std::move(options));
  }
  ~FetchPictures() override {
    if (server_ != nullptr) server_->server->stop();
  }

  Task<Answered> answer(Exchange& exchange) {
    std::vector<SentMedium> pictures;
    for (const auto& [name, value] : exchange.request().query) {
      pictures.push_back({std::make_shared<const std::string>(value), std::nullopt,
                          fmt::format("pictures[{}]", pictures.size())});
    }
    http::GoneCounter gone(server_->seen);
    co_await fetch_pictures(*service_, exchange, pictures, limits_);
    gone.ended = true;
    std::string all;
    for (const SentMedium& picture : pictures) {
      for (const std::byte byte : file_of(picture)) all += static_cast<char>(byte);
      all += '.';
    }
    co_return co_await http::test_routes::text(exchange, std::move(all));
  }

  std::string url(const std::string& path, const std::string& host = "a.example") const {
    return fmt::format("u=http://{}:{}{}", host, server_->server->port(), path);
  }
  Reply get(const std::string& query) { return server_->client().get("/pictures?" + query); }

  Machine machine_;
  Engine engine_{machine_};
  ServedModels models_;
  SentMediaLimits limits_;
  std::optional<Service> service_;
  std::unique_ptr<http::TestServer> server_;
};

TEST_F(FetchPictures, InTheirPlaces) {
  start(true);
  std::string query;
  std::string expected;
  for (int i = 0; i < 10; ++i) {
    query += url(fmt::format("/picture/{}", i)) + "&";
    expected += fmt::format("{}.", i);
  }
  EXPECT_EQ(get(query).body, expected);
  EXPECT_EQ(get("").body, "");
}

TEST_F(FetchPictures, FailuresNameTheirPlace) {
  start(true, {.max_pictures = 3, .max_bytes = 10});
  const Reply missing = get(url("/picture/a") + "&" + url("/none"));
  EXPECT_EQ(missing.status, 400);
  EXPECT_THAT(missing.body, HasSubstr("pictures[1]: 'http://a.example:"));
  EXPECT_THAT(missing.body, HasSubstr("can't be fetched: its server answers with the status 404"));
  EXPECT_THAT(get(url("/picture/123456") + "&" + url("/picture/12345")).body,
              HasSubstr("pictures[1]: the fetched pictures up to this one have 11 bytes"));
  EXPECT_THAT(get(url("/picture/12345678901")).body, HasSubstr("more than 10 bytes"));
  const std::string one = url("/picture/1");
  EXPECT_THAT(get(one + "&" + one + "&" + one + "&" + one).body,
              HasSubstr("pictures[3]: a request may have 3 pictures"));
}

TEST_F(FetchPictures, NothingUnlessItIsAllowed) {
  start(false);
  const Reply reply = get(url("/picture/a"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("nothing is fetched, only data: URLs are read"));
}

TEST_F(FetchPictures, NobodyWaitsForEver) {
  start(true, {.max_fetch_s = 0.1});
  // The server's clock stands still until it is set.
  http::Client client = server_->client();
  client.send("GET /pictures?" + url("/silent") + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  http::eventually([&] { return server_->seen.waiting > 0; });
  EXPECT_TRUE(server_->advance_until([&] { return !server_->seen.ended().empty(); }));
  EXPECT_THAT(client.read_reply().body, HasSubstr("it isn't there after"));
}

TEST_F(FetchPictures, EndWithTheirClient) {
  start(true);
  http::Client client = server_->client();
  client.send("GET /pictures?" + url("/silent") + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  http::eventually([&] { return server_->seen.waiting > 0; });
  client.reset();
  // The handler that fetches is left, and then the one that it asked.
  EXPECT_TRUE(http::eventually([&] { return server_->seen.gone == 2; }));
}

}  // namespace
}  // namespace sirocco
