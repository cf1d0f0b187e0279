#include "bench/serving/answer_reader.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace sirocco::bench {
namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";

std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string event(std::string_view data) { return "data: " + std::string(data) + "\n\n"; }

/// As ours and llama-server's chats are: a role first, the usage last.
std::string chat() {
  std::string out(kHead);
  out += "\r\n";
  out += chunk(event(R"({"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null})"));
  out += chunk(event(R"({"choices":[{"delta":{"role":"assistant","content":null}}]})"));
  out += chunk(": still at work\n\n");
  out += chunk(event(R"({"choices":[{"delta":{"content":"a \"text\":\"b"}}],"usage":null})"));
  out += chunk(event(R"({"choices":[{"delta":{"content":"\n"}}]})"));
  out += chunk(event(R"({"choices":[{"finish_reason":"length","delta":{}}]})"));
  out += chunk(
      event(R"({"choices":[],"usage":{"completion_tokens":3,"prompt_tokens":12,"total_tokens":15,)"
            R"("prompt_tokens_details":{"cached_tokens":5}}})"));
  out += chunk("data: [DONE]\n\n");
  return out + "0\r\n\r\n";
}

void expect_chat(const AnswerReader& reader) {
  EXPECT_EQ(reader.problem(), "");
  EXPECT_TRUE(reader.keeps_alive());
  EXPECT_EQ(reader.times().size(), 2u);
  EXPECT_EQ(reader.raw_text(), R"(a \"text\":\"b\n)");
  EXPECT_EQ(reader.usage().answer, 3);
  EXPECT_EQ(reader.usage().prompt, 12);
  EXPECT_EQ(reader.usage().cached, 5);
}

TEST(AnswerReader, AChat) {
  AnswerReader reader;
  reader.feed(chat(), 1);
  expect_chat(reader);
}

RC_GTEST_PROP(AnswerReader, ItDoesNotMatterHowTheBytesCome, ()) {
  const std::string bytes = chat();
  AnswerReader reader;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t size = std::min(bytes.size() - at, *rc::gen::inRange<std::size_t>(1, 40));
    RC_ASSERT(!reader.ended());
    reader.feed(std::string_view(bytes).substr(at, size), static_cast<double>(at));
    at += size;
  }
  expect_chat(reader);
  RC_ASSERT(reader.times()[0] <= reader.times()[1]);
}

TEST(AnswerReader, WhenPiecesCame) {
  AnswerReader reader;
  reader.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 1);
  reader.feed("data: {\"choices\":[{\"text\":\"a\"}]}\r\n\r\ndata: {\"choices\":[{\"te", 2);
  EXPECT_EQ(reader.times(), std::vector<double>{2});
  reader.feed("xt\":\"b\"}]}\n\ndata: [DONE]\n\n", 3);
  EXPECT_EQ(reader.times(), (std::vector<double>{2, 3}));
  EXPECT_FALSE(reader.ended());
  reader.finish();
  EXPECT_EQ(reader.problem(), "");
  EXPECT_FALSE(reader.keeps_alive());
}

TEST(AnswerReader, Problems) {
  AnswerReader refused;
  refused.feed("HTTP/1.1 429 Too Many\r\nContent-Length: 4\r\n\r\nbusy", 1);
  EXPECT_TRUE(refused.keeps_alive());
  EXPECT_EQ(refused.problem(), "status 429: busy");

  AnswerReader failed;
  failed.feed(
      std::string(kHead) + "\r\n" + chunk(event(R"({"error":{"message":"no"}})")) + "0\r\n\r\n", 1);
  EXPECT_EQ(failed.problem(), R"({"error":{"message":"no"}})");

  const std::string whole = chat();
  AnswerReader cut;
  cut.feed(std::string_view(whole).substr(0, whole.size() - 40), 1);
  cut.finish();
  EXPECT_NE(cut.problem(), "");

  AnswerReader unfinished;
  unfinished.feed(std::string(kHead) + "\r\n" +
                      chunk(event(R"({"choices":[{"delta":{"content":"a"}}]})")) + "0\r\n\r\n",
                  1);
  EXPECT_TRUE(unfinished.ended());
  EXPECT_NE(unfinished.problem(), "");
}

}  // namespace
}  // namespace sirocco::bench
