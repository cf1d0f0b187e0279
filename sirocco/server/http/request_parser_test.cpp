#include "sirocco/server/http/request_parser.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace sirocco::http {
namespace {

using State = RequestParser::State;

/// A request that was read, or the status that refused it.
struct Outcome {
  State state = State::kHead;
  int status = 0;
  std::string body;
  std::string host;
  bool keeps_alive = false;
  std::size_t used = 0;
};

/// Reads `bytes` as they would come in pieces of `piece`.
Outcome read(std::string_view bytes, std::size_t piece = 1 << 20, std::size_t max_body = 1 << 20) {
  RequestParser parser(HeadLimits{2000, 20});
  Outcome outcome;
  std::size_t come = 0;
  for (;;) {
    const std::size_t used = parser.feed(bytes.substr(outcome.used, come - outcome.used));
    outcome.used += used;
    if (parser.state() == State::kHeadDone) {
      parser.begin_body(max_body);
    } else if (parser.state() == State::kDone || parser.state() == State::kRefused) {
      break;
    } else if (used == 0) {
      if (come == bytes.size()) break;
      come = std::min(bytes.size(), come + piece);
    }
  }
  outcome.state = parser.state();
  if (outcome.state == State::kRefused) outcome.status = parser.refusal().status;
  outcome.body = parser.request().body;
  outcome.host = parser.request().host;
  outcome.keeps_alive = parser.request().keeps_alive;
  return outcome;
}

std::string post(std::string_view headers, std::string_view body = {}) {
  return "POST /a HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

TEST(RequestParser, ReadsWhatIsSound) {
  EXPECT_EQ(read("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n").state, State::kDone);
  EXPECT_EQ(read("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n").host, "a:1");
  EXPECT_EQ(read("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n").host, "b");
  EXPECT_EQ(read("GET / HTTP/1.0\r\n\r\n").state, State::kDone);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n").keeps_alive);
  EXPECT_TRUE(read(post("")).keeps_alive);
  EXPECT_FALSE(read(post("Connection: x, Close\r\n")).keeps_alive);
  EXPECT_EQ(read(post("Content-Length: 3\r\n", "abcGET")).body, "abc");
  EXPECT_EQ(read(post("Content-Length: 0\r\n", "GET")).state, State::kDone);
  EXPECT_EQ(read(post("Transfer-Encoding: Chunked\r\n", "03;a=\"b\"\r\nabc\r\n00\r\n\r\nGET")).body,
            "abc");
}

TEST(RequestParser, LeavesTheNextRequest) {
  const std::string first = post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nA: b\r\n\r\n");
  for (std::size_t piece = 1; piece < first.size() + 10; ++piece) {
    const Outcome outcome = read("\r\n\r\n" + first + "GET / HTTP/1.1\r\n", piece);
    ASSERT_EQ(outcome.state, State::kDone);
    ASSERT_EQ(outcome.body, "abc");
    ASSERT_EQ(outcome.used, first.size() + 4);
  }
}

struct Bad {
  std::string bytes;
  int status;
};

/// What could be one request to one program and two to another, and what is none at all.
std::vector<Bad> bad_requests() {
  std::vector<Bad> bad = {
      {post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400},
      {post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
      {post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
      {post("Content-Length: 3, 3\r\n", "abc"), 400},
      {post("Content-Length: +3\r\n", "abc"), 400},
      {post("Content-Length: -3\r\n", "abc"), 400},
      {post("Content-Length: 0x3\r\n", "abc"), 400},
      {post("Content-Length: \r\n", "abc"), 400},
      {post("Content-Length: 99999999999999999999999\r\n", "abc"), 400},
      {post("Content-Length: 18446744073709551615\r\n", "abc"), 413},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {post("Transfer-Encoding: identity\r\n", "abc"), 501},
      {post("Transfer-Encoding: gzip, chunked\r\n", "abc"), 501},
      {post("Transfer-Encoding: chunked, identity\r\n", "abc"), 501},
      {post("Transfer-Encoding: xchunked\r\n", "abc"), 501},
      {post("Transfer-Encoding:\r\n", "abc"), 501},
      {post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {post("Content-Length : 3\r\n", "abc"), 400},
      {post("A: b\r\n Content-Length: 3\r\n", "abc"), 400},
      {post("A: b\r\n\tc\r\n"), 400},
      {post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post("Expect: something\r\n"), 417},
      {post("Host: b\r\n"), 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\"\r\n\r\n", 400},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET /\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", 400},
      {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"\x16\x03\x01\x02", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29), 400},
      {std::string("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 28), 400},
      {std::string("GET / HTTP/1.1\r\nA\0: a\r\n\r\n", 26), 400},
      {post(std::string(2000, 'a')), 431},
  };
  std::string many;
  for (int i = 0; i < 30; ++i) many += "a:\r\n";
  bad.push_back({post(many), 431});
  for (const char* chunks : {"g\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", " 1\r\na\r\n",
                             "1\na\r\n0\r\n\r\n", "1\r\nab\r\n", "1\r\na\n", "\r\n", "1 \r\na\r\n",
                             "ffffffffffffffffff\r\n", "1\r\na\r\n0\r\n bad: x\r\n\r\n"}) {
    // What is wrong may be seen with the next line only.
    bad.push_back({post("Transfer-Encoding: chunked\r\n", chunks + std::string("\r\n\r\n")), 400});
  }
  bad.push_back({post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n"), 413});
  bad.push_back({post("Transfer-Encoding: chunked\r\n", "1;" + std::string(3000, 'a')), 400});
  bad.push_back({post("Transfer-Encoding: chunked\r\n", "0\r\nA: " + std::string(3000, 'a')), 400});
  return bad;
}

TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  for (const Bad& bad : bad_requests()) {
    for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{1}, std::size_t{7}}) {
      const Outcome outcome = read(bad.bytes, piece);
      EXPECT_EQ(outcome.state, State::kRefused) << bad.bytes.substr(0, 300);
      EXPECT_EQ(outcome.status, bad.status) << bad.bytes.substr(0, 300);
    }
  }
}

TEST(RequestParser, BodiesHaveALimit) {
  const std::string chunked =
      post("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n");
  EXPECT_EQ(read(chunked, 1, 10).state, State::kDone);
  EXPECT_EQ(read(chunked, 1, 9).status, 413);
  EXPECT_EQ(read(post("Content-Length: 10\r\n", "0123456789"), 1, 10).state, State::kDone);
  EXPECT_EQ(read(post("Content-Length: 10\r\n", "0123456789"), 1, 9).status, 413);
}

/// Whatever was sent, the pieces that it came in change nothing.
RC_GTEST_PROP(RequestParser, PiecesChangeNothing, ()) {
  const std::vector<Bad> bad = bad_requests();
  std::string bytes = (*rc::gen::elementOf(bad)).bytes;
  const auto edits = *rc::gen::container<std::vector<std::pair<std::size_t, char>>>(
      rc::gen::pair(rc::gen::inRange<std::size_t>(0, bytes.size()), rc::gen::arbitrary<char>()));
  for (const auto& [place, byte] : edits) {
    if (byte % 3 == 0) {
      bytes[place] = byte;
    } else {
      bytes.insert(place, 1, byte % 3 == 1 ? '\n' : byte);
    }
  }
  const Outcome whole = read(bytes);
  const Outcome pieces = read(bytes, *rc::gen::inRange<std::size_t>(1, 40));
  RC_ASSERT(whole.state == pieces.state);
  RC_ASSERT(whole.status == pieces.status);
  RC_ASSERT(whole.body == pieces.body || whole.state != State::kDone);
}

}  // namespace
}  // namespace sirocco::http
