#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "sirocco/server/http/server_testing.hpp"

namespace sirocco::http {
namespace {

TEST(Hostile, WhatIsNoRequestIsAnsweredAndClosed) {
  TestServer test;
  for (const std::string& bytes :
       {std::string("\x16\x03\x01\x00\xa5\x01"), std::string(100, '\0'), std::string("\xff"),
        std::string("hello\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}) {
    Client client = test.client();
    client.send(bytes);
    EXPECT_EQ(client.read_reply().status, 400) << bytes;
    EXPECT_TRUE(client.is_closed());
  }
}

TEST(Hostile, NothingBehindARefusedRequestIsTakenForOne) {
  TestServer test;
  Client client = test.client();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nContent-Length: 1\r\n\r\n"
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 400);
  EXPECT_TRUE(client.is_closed());
  // Nor is an unread body.
  Client other = test.client();
  other.send(
      "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(other.read_reply().status, 404);
  EXPECT_TRUE(other.is_closed());
}

TEST(Hostile, ConnectionsThatEndAnywhereLeaveNothingBehind) {
  TestServer test;
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t size = 0; size <= request.size(); ++size) {
    for (const int way : {0, 1, 2}) {
      Client client = test.client();
      client.send(std::string_view(request).substr(0, size));
      if (way == 0) client.close();
      if (way == 1) client.reset();
      if (way == 2) {
        client.finish_sending();
        client.read_to_end();
      }
    }
  }
  EXPECT_TRUE(eventually([&] { return test.server->connections() == 0; }));
  EXPECT_TRUE(test.answers());
}

TEST(Hostile, AClientMaySendEndlesslyWhatNobodyReads) {
  TestServer test;
  Client client = test.client();
  client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return test.seen.waiting == 1; }));
  // The server reads ahead up to its limit; then the system's buffers fill.
  const std::string more(1 << 16, 'G');
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    const ssize_t taken =
        ::send(client.socket(), more.data(), more.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken > 0) sent += static_cast<std::size_t>(taken);
  }
  EXPECT_GT(sent, 0u);
  EXPECT_TRUE(test.answers());
  test.seen.ring();
  EXPECT_EQ(client.read_reply().body, "rung");
  EXPECT_EQ(client.read_reply().status, 431);
}

/// Requests with a few bytes changed, put in or left out, sent in pieces. Whatever they are, they
/// get an answer or an end, and others are served.
RC_GTEST_PROP(Hostile, MutatedRequests, ()) {
  static TestServer test;
  static const std::vector<std::string> kSound = {
      "GET /hello HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
      "GET /events?n=3 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
      "POST /small HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
      "HEAD /models/a%20b HTTP/1.1\r\nHost: a\r\nX-Request-Id: x\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n",
      "GET /off_thread HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"};
  const auto chosen =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kSound)));
  std::string bytes;
  for (const std::string& request : chosen) bytes += request;
  const auto edits = *rc::gen::container<std::vector<std::pair<std::size_t, int>>>(
      rc::gen::pair(rc::gen::inRange<std::size_t>(0, bytes.size()), rc::gen::inRange(0, 700)));
  for (const auto& [place, edit] : edits) {
    const std::size_t at = place % (bytes.size() + 1);
    if (edit < 256) bytes.insert(at, 1, static_cast<char>(edit));
    if (edit >= 256 && edit < 512 && at < bytes.size()) bytes[at] = static_cast<char>(edit);
    if (edit >= 512) bytes.erase(at, static_cast<std::size_t>(edit - 512));
    if (bytes.empty()) break;
  }
  Client client = test.client();
  const std::size_t cut = bytes.empty() ? 0 : *rc::gen::inRange<std::size_t>(0, bytes.size());
  client.send(std::string_view(bytes).substr(0, cut));
  client.send(std::string_view(bytes).substr(cut));
  client.finish_sending();
  const std::string replies = client.read_to_end();
  RC_ASSERT(replies.empty() || replies.starts_with("HTTP/1.1 "));
  RC_ASSERT(test.answers());
}

}  // namespace
}  // namespace sirocco::http
