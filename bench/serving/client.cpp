#include "bench/serving/client.hpp"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>

namespace sirocco::bench {
namespace {

namespace asio = boost::asio;

std::string request(const Target& target, std::string_view path, const std::string& subject,
                    int answer_tokens, std::uint64_t seed) {
  const std::string model =
      target.model.empty() ? "" : fmt::format("\"model\":\"{}\",", target.model);
  // Both kinds of servers know all of these. The end of the model's own is ignored so that each
  // answer has its length; sampling is the same for all servers, and what most of them do.
  const std::string body = fmt::format(
      "{{{}{},\"max_tokens\":{},\"ignore_eos\":true,\"stream\":true,"
      "\"stream_options\":{{\"include_usage\":true}},\"temperature\":{},\"top_k\":40,"
      "\"top_p\":0.95,\"min_p\":0.05,\"repeat_penalty\":1.0,\"seed\":{}}}",
      model, subject, answer_tokens, target.temperature, seed);
  const std::string key =
      target.key.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", target.key);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}:{}\r\n{}Content-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      path, target.host, target.port, key, body.size(), body);
}

}  // namespace

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string request_for_messages(const Target& target, const std::string& messages,
                                 int answer_tokens, std::uint64_t seed) {
  return request(target, "/v1/chat/completions", "\"messages\":" + messages, answer_tokens, seed);
}

std::string request_for_text(const Target& target, const std::string& text, int answer_tokens,
                             std::uint64_t seed) {
  if (target.chat) {
    return request_for_messages(target,
                                fmt::format("[{{\"role\":\"user\",\"content\":\"{}\"}}]", text),
                                answer_tokens, seed);
  }
  return request(target, "/v1/completions", fmt::format("\"prompt\":\"{}\"", text), answer_tokens,
                 seed);
}

asio::awaitable<void> Client::ask(const std::string& request, Answer& answer) {
  const bool reused = socket_.is_open();
  try {
    if (!reused) {
      asio::ip::tcp::resolver resolver(socket_.get_executor());
      const auto addresses = co_await resolver.async_resolve(
          target_.host, std::to_string(target_.port), asio::use_awaitable);
      co_await asio::async_connect(socket_, addresses, asio::use_awaitable);
      socket_.set_option(asio::ip::tcp::no_delay(true));
    }
    co_await asio::async_write(socket_, asio::buffer(request), asio::use_awaitable);
    while (!answer.reader.ended()) {
      boost::system::error_code code;
      const std::size_t got = co_await socket_.async_read_some(
          asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, code));
      answer.reader.feed({buffer_.data(), got}, now_s());
      if (code) answer.reader.finish();
    }
    answer.problem = answer.reader.problem();
  } catch (const boost::system::system_error& error) {
    answer.problem = error.code().message();
  }
  answer.ended = now_s();
  if (!answer.reader.keeps_alive()) {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  // A server may close a connection that waits for a request, just when one comes (RFC
  // 9112, 9.3.1).
  if (reused && answer.reader.is_untouched()) {
    answer.reader = {};
    answer.ended = 0;
    answer.problem = Answer().problem;
    co_await ask(request, answer);
  }
}

}  // namespace sirocco::bench
