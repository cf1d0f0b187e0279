#include "sirocco/server/http/response_head.hpp"

#include <gtest/gtest.h>

#include "sirocco/base/error.hpp"

namespace sirocco::http {
namespace {

TEST(ResponseHead, IsWrittenInFull) {
  ResponseHead head;
  head.status = 404;
  head.content_type = "text/plain";
  head.headers = {{"Allow", "GET"}};
  head.request_id = "req-1";
  head.length = 12;
  head.closes = true;
  EXPECT_EQ(response_head_text(head, 784111777),
            "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 12\r\n"
            "Connection: close\r\nX-Request-Id: req-1\r\nRequest-Id: req-1\r\nAllow: GET\r\n\r\n");
}

TEST(ResponseHead, SaysHowTheBodyEnds) {
  ResponseHead head;
  const auto has = [&](std::string_view text) {
    return response_head_text(head, 0).find(text) != std::string::npos;
  };
  head.framing = Framing::kChunks;
  EXPECT_TRUE(has("Transfer-Encoding: chunked"));
  EXPECT_FALSE(has("Content-Length"));
  for (const Framing framing : {Framing::kNone, Framing::kClose}) {
    head.framing = framing;
    EXPECT_FALSE(has("Transfer-Encoding") || has("Content-Length"));
  }
}

TEST(ResponseHead, LetsNothingIntoItThatIsNoHeader) {
  for (const Header& header :
       {Header{"A\r\nB", "c"}, Header{"", "c"}, Header{"A b", "c"}, Header{"A", "b\r\nC: d"},
        Header{"A", std::string("b\0", 2)}, Header{"A:", "b"}, Header{"A", "\x7f"}}) {
    ResponseHead head;
    head.headers = {header};
    EXPECT_THROW(response_head_text(head, 0), InvalidArgument) << header.name << header.value;
  }
}

TEST(ResponseHead, ChunksOfNothingAreNothing) {
  EXPECT_EQ(chunk_text("0123456789abcdefg"), "11\r\n0123456789abcdefg\r\n");
  // It would be the last.
  EXPECT_EQ(chunk_text(""), "");
}

}  // namespace
}  // namespace sirocco::http
