#include "sirocco/server/guard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

using http::GateResult;
using http::Headers;
using http::Request;

Request request(std::string host, Headers headers = {}, http::Method method = http::Method::kPost) {
  Request made;
  made.method = method;
  made.host = std::move(host);
  made.headers = std::move(headers);
  return made;
}

/// 200 where the request may go on; 204 for a preflight.
int status(const GateResult& result) {
  if (const auto* refusal = std::get_if<http::Refusal>(&result.verdict)) return refusal->status;
  if (const auto* response = std::get_if<http::Response>(&result.verdict)) return response->status;
  return 200;
}

std::string header(const GateResult& result, std::string_view name) {
  return std::string(http::find_header(result.headers, name).value_or(""));
}

GuardOptions public_with_keys() {
  GuardOptions options;
  options.host = "0.0.0.0";
  options.keys = {"first-key", "second-key"};
  return options;
}

TEST(Guard, WantsAKeyWhereverItIsWritten) {
  const Guard guard(public_with_keys());
  const auto with = [&](std::string name, std::string value) {
    return status(guard(request("a", {{std::move(name), std::move(value)}}), false));
  };
  EXPECT_EQ(with("Authorization", "Bearer first-key"), 200);
  EXPECT_EQ(with("authorization", "bearer  second-key"), 200);
  EXPECT_EQ(with("X-Api-Key", "first-key"), 200);
  EXPECT_EQ(with("api-key", "first-key"), 200);
  EXPECT_EQ(with("Authorization", "first-key"), 401);
  EXPECT_EQ(with("Authorization", "Basic first-key"), 401);
  EXPECT_EQ(with("Authorization", "Bearer"), 401);
  EXPECT_EQ(with("Authorization", "Bearer "), 401);
  EXPECT_EQ(with("x-api-key", "first-ke"), 401);
  EXPECT_EQ(with("x-api-key", "first-key1"), 401);
  EXPECT_EQ(with("x-api-key", ""), 401);
  EXPECT_EQ(with("key", "first-key"), 401);
  EXPECT_EQ(status(guard(request("a"), true)), 200);
  const GateResult refused = guard(request("a"), false);
  const auto& refusal = std::get<http::Refusal>(refused.verdict);
  EXPECT_EQ(http::find_header(refusal.headers, "WWW-Authenticate"), "Bearer");
}

TEST(Guard, KnowsWhichKeyItWas) {
  const Guard guard(public_with_keys());
  const auto caller = [&](std::string key, bool open = false) {
    return std::get<http::Caller>(guard(request("a", {{"api-key", std::move(key)}}), open).verdict);
  };
  EXPECT_EQ(caller("first-key").label, "1");
  EXPECT_EQ(caller("second-key").label, "2");
  EXPECT_NE(caller("first-key").owner, 0u);
  EXPECT_NE(caller("first-key").owner, caller("second-key").owner);
  // The same in the next server, whatever the order.
  GuardOptions other = public_with_keys();
  other.keys = {"second-key"};
  const Guard another(other);
  EXPECT_EQ(
      std::get<http::Caller>(another(request("a", {{"api-key", "second-key"}}), false).verdict)
          .owner,
      caller("second-key").owner);
  EXPECT_EQ(caller("second-key", true).label, "2");
  EXPECT_EQ(caller("wrong", true).owner, 0u);
}

TEST(Guard, IsReachedByItsOwnNamesOnLoopback) {
  GuardOptions options;
  options.host_names = {"Chat.Example"};
  const Guard guard(options);
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.0.0.2",
                           "[::1]", "[::1]:80", "chat.example", "chat.example.:443", ""}) {
    EXPECT_EQ(status(guard(request(host), true)), 200) << host;
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "chat.example.evil",
        "10.0.0.1", "[::2]", "[::1", "localhost:x", "localhost:99999", ":80", "1270.0.0.1",
        "127.0.0.256", "127.0.0", "127.0.0.1.1", "::1"}) {
    EXPECT_EQ(status(guard(request(host), true)), 403) << host;
  }
  // Elsewhere its names are not for it to know.
  EXPECT_EQ(status(Guard(public_with_keys())(request("chat.example"), true)), 200);
}

TEST(Guard, IsNotUsedByForeignPages) {
  const Guard guard(GuardOptions{});
  const auto from = [&](std::string origin, std::string host = "localhost:8080") {
    return status(guard(request(std::move(host), {{"Origin", std::move(origin)}}), true));
  };
  EXPECT_EQ(from("http://localhost:8080"), 200);
  EXPECT_EQ(from("HTTP://LOCALHOST:8080"), 200);
  EXPECT_EQ(from("http://localhost", "localhost"), 200);
  EXPECT_EQ(from("http://localhost:80", "localhost"), 200);
  EXPECT_EQ(from("http://[::1]:8080", "[::1]:8080"), 200);
  EXPECT_EQ(from("http://localhost:3000"), 403);
  EXPECT_EQ(from("https://localhost:8080"), 403);
  EXPECT_EQ(from("http://127.0.0.1:8080"), 403);
  EXPECT_EQ(from("https://evil.example"), 403);
  EXPECT_EQ(from("null"), 403);
  EXPECT_EQ(from(""), 403);
  EXPECT_EQ(from("http://localhost:8080/"), 403);

  // A public server without keys is anybody's, but not by way of somebody's browser.
  GuardOptions open;
  open.host = "0.0.0.0";
  open.allow_public_without_key = true;
  const Guard insecure(open);
  EXPECT_EQ(status(insecure(request("10.0.0.1:80", {{"Origin", "http://evil"}}), false)), 403);
  EXPECT_EQ(status(insecure(request("10.0.0.1:80", {{"Origin", "http://10.0.0.1"}}), false)), 200);
  // With keys they are what counts.
  const Guard keyed(public_with_keys());
  EXPECT_EQ(status(keyed(request("a", {{"Origin", "http://b"}, {"api-key", "first-key"}}), false)),
            200);
}

TEST(Guard, TellsPagesOfListedOriginsThatTheyMayRead) {
  GuardOptions options;
  options.keys = {"key"};
  options.origins = {"https://chat.example"};
  const Guard guard(options);
  const Headers listed = {{"Origin", "https://chat.example"}, {"api-key", "key"}};
  const GateResult allowed = guard(request("localhost", listed), false);
  EXPECT_EQ(status(allowed), 200);
  EXPECT_EQ(header(allowed, "Access-Control-Allow-Origin"), "https://chat.example");
  EXPECT_EQ(header(allowed, "Vary"), "Origin");
  // Refusals can be read too.
  const GateResult refused =
      guard(request("localhost", {{"Origin", "https://chat.example"}}), false);
  EXPECT_EQ(status(refused), 401);
  EXPECT_EQ(header(refused, "Access-Control-Allow-Origin"), "https://chat.example");

  Headers preflight = {{"Origin", "https://chat.example"},
                       {"Access-Control-Request-Method", "POST"},
                       {"Access-Control-Request-Headers", "authorization, content-type"},
                       {"Access-Control-Request-Private-Network", "true"}};
  const GateResult answered = guard(request("localhost", preflight, http::Method::kOptions), false);
  EXPECT_EQ(status(answered), 204);
  EXPECT_EQ(header(answered, "Access-Control-Allow-Headers"), "authorization, content-type");
  EXPECT_EQ(header(answered, "Access-Control-Allow-Private-Network"), "true");
  EXPECT_NE(header(answered, "Access-Control-Allow-Methods").find("POST"), std::string::npos);
  // A preflight of another page is nothing but a request without a key, or worse.
  preflight[0].value = "https://evil.example";
  const GateResult other = guard(request("localhost", preflight, http::Method::kOptions), false);
  EXPECT_EQ(status(other), 403);
  EXPECT_EQ(header(other, "Access-Control-Allow-Origin"), "");
}

TEST(Guard, SaysNothingOfOriginsUnlessTold) {
  const GateResult result =
      Guard(GuardOptions{})(request("localhost", {{"Origin", "http://localhost"}}), false);
  EXPECT_EQ(status(result), 200);
  EXPECT_TRUE(result.headers.empty());
}

TEST(Guard, RefusesToBeOpenToAllByMistake) {
  GuardOptions options;
  for (const char* host : {"0.0.0.0", "::", "10.0.0.1", "my-machine", "", "127.0.0.1.example"}) {
    options.host = host;
    EXPECT_THROW(Guard{options}, InvalidArgument) << host;
  }
  options.keys = {"key"};
  EXPECT_NO_THROW(Guard{options});
  for (const char* key : {"", "a b", "a\n", "\xC3\xA9"}) {
    options.keys = {"key", key};
    EXPECT_THROW(Guard{options}, InvalidArgument) << key;
  }
  options.keys = {"key"};
  for (const char* origin : {"", "*", "chat.example", "ftp://a", "https://", "https://a/b"}) {
    options.origins = {origin};
    EXPECT_THROW(Guard{options}, InvalidArgument) << origin;
  }
  options.origins = {};
  for (const char* name : {"", "a b", "a:80", "http://a"}) {
    options.host_names = {name};
    EXPECT_THROW(Guard{options}, InvalidArgument) << name;
  }
}

TEST(Guard, ComparesWhole) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace sirocco
