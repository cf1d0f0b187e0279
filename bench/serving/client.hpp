#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/serving/answer_reader.hpp"

namespace sirocco::bench {

/// Seconds of a steady clock.
double now_s();

/// The server that is measured, and how it is asked.
struct Target {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  bool chat = true;  ///< /v1/chat/completions, else /v1/completions
  std::string model;
  std::string key;
  double temperature = 0.8;
};

/// One request, from when it should be made to the end of its answer.
struct Answer {
  double due = 0;
  double ended = 0;
  int asked_tokens = 0;
  std::string problem = "it wasn't answered in time";
  AnswerReader reader;
};

/// The request for an answer of so many tokens to a text, or, of a chat, to messages that are
/// written as an array of JSON already.
std::string request_for_text(const Target& target, const std::string& text, int answer_tokens,
                             std::uint64_t seed);
std::string request_for_messages(const Target& target, const std::string& messages,
                                 int answer_tokens, std::uint64_t seed);

/// A connection that is kept as long as the server keeps it.
class Client {
 public:
  Client(boost::asio::io_context& network, const Target& target)
      : socket_(network), target_(target) {}

  /// Sends the request and reads its answer, which can be looked at meanwhile. What goes wrong is
  /// the answer's problem.
  boost::asio::awaitable<void> ask(const std::string& request, Answer& answer);

 private:
  boost::asio::ip::tcp::socket socket_;
  const Target& target_;
  std::vector<char> buffer_ = std::vector<char>(16 << 10);
};

}  // namespace sirocco::bench
