#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco::bench {

/// What a server says it counted; 0 where it doesn't.
struct Usage {
  std::int64_t prompt = 0;
  std::int64_t cached = 0;
  std::int64_t answer = 0;
};

/// One streamed answer of OpenAI's API, read as its bytes come. It looks for the few places that
/// matter and leaves the rest unread: who measures a server on the same cores must cost little.
class AnswerReader {
 public:
  /// `now`: when they came.
  void feed(std::string_view bytes, double now);
  /// The connection has ended.
  void finish();

  bool ended() const { return state_ == State::kEnd; }
  /// Another request may follow on the connection.
  bool keeps_alive() const { return ended() && keeps_alive_; }
  /// When pieces of text came.
  const std::vector<double>& times() const { return times_; }
  const Usage& usage() const { return usage_; }
  /// The text as the server's JSON has it between quotation marks, escapes and all.
  const std::string& raw_text() const { return raw_text_; }
  /// Why it's no whole answer: of the server's words the first; empty where nothing is wrong.
  std::string problem() const;

 private:
  enum class State { kHead, kSize, kChunk, kChunkEnd, kTrailer, kLength, kClose, kEnd };

  bool take_line(std::string_view& bytes);
  void head_line();
  void begin_body();
  void body(std::string_view bytes, double now);
  void event(std::string_view data, double now);

  State state_ = State::kHead;
  std::string line_;  // of head or framing, as far as it came
  int status_ = 0;
  bool chunked_ = false;
  bool has_length_ = false;
  bool keeps_alive_ = true;
  std::size_t left_ = 0;  // of a chunk or the body

  std::string event_line_;
  bool done_ = false;
  std::vector<double> times_;
  Usage usage_;
  std::string raw_text_;
  std::string failure_;
};

}  // namespace sirocco::bench
