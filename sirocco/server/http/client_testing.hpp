#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/server/http/message.hpp"

namespace sirocco::http {

/// How long a test waits for what has to come, in milliseconds. It is reached only by a failure.
inline constexpr int kPatienceMs = 60'000;

/// An answer as a client reads it.
struct Reply {
  int status = 0;
  Headers headers;
  std::string body;
  bool whole = false;

  std::string header(std::string_view name) const {
    return std::string(find_header(headers, name).value_or(""));
  }
};

/// The bytes of a client's end of a connection: a socket of loopback, read with patience.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  Client(Client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        connected_(other.connected_),
        received_(std::move(other.received_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { close(); }

  bool connected() const { return connected_; }
  int socket() const { return socket_; }

  /// Whether the system took all of it.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void finish_sending() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  /// Closes so that the other side gets a reset.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }

  /// Waits for more bytes. False at the end of the connection, and, with a failure, when none come.
  bool receive() {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) {
      ADD_FAILURE() << "nothing came; before that: " << received_.substr(0, 400);
      return false;
    }
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  /// What has come up to the end of `mark`, which it waits for; all there is when that never comes.
  std::string read_until(std::string_view mark) {
    std::size_t found;
    while ((found = received_.find(mark)) == std::string::npos) {
      if (!receive()) return std::exchange(received_, {});
    }
    return take(found + mark.size());
  }
  /// What comes until the connection ends.
  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  /// Whether the connection ends without another byte.
  bool is_closed() { return read_to_end().empty(); }

  Reply read_reply(bool has_body = true) {
    Reply reply = read_head();
    reply.whole = reply.status != 0 && read_body(reply, has_body);
    return reply;
  }
  Reply request(std::string_view bytes) {
    send(bytes);
    return read_reply();
  }
  Reply get(std::string_view target, std::string_view headers = {}) {
    return request("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
                   std::string(headers) + "\r\n");
  }
  Reply post(std::string_view target, std::string_view body, std::string_view headers = {}) {
    return request("POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
                   std::string(headers) + "Content-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + std::string(body));
  }

 private:
  std::string take(std::size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  Reply read_head() {
    Reply reply;
    const std::string head = read_until("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 ") || !head.ends_with("\r\n\r\n")) return reply;
    std::from_chars(head.data() + 9, head.data() + 12, reply.status);
    std::string_view lines = head;
    lines.remove_prefix(lines.find("\r\n") + 2);
    while (!lines.starts_with("\r\n")) {
      const std::string_view line = lines.substr(0, lines.find("\r\n"));
      const std::size_t colon = line.find(": ");
      reply.headers.push_back(
          {std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))});
      lines.remove_prefix(line.size() + 2);
    }
    return reply;
  }

  bool read_body(Reply& reply, bool has_body) {
    if (!has_body || reply.status == 204 || reply.status == 304 || reply.status == 100) return true;
    if (reply.header("Transfer-Encoding") == "chunked") {
      for (;;) {
        const std::string line = read_until("\r\n");
        if (!line.ends_with("\r\n")) return false;
        const std::size_t size = std::stoul(line, nullptr, 16);
        if (!wait_for(size + 2)) return false;
        reply.body += take(size);
        take(2);
        if (size == 0) return true;
      }
    }
    const std::string length = reply.header("Content-Length");
    if (length.empty()) {
      reply.body = read_to_end();
      return true;
    }
    if (!wait_for(std::stoul(length))) return false;
    reply.body = take(std::stoul(length));
    return true;
  }
  bool wait_for(std::size_t size) {
    while (received_.size() < size) {
      if (!receive()) return false;
    }
    return true;
  }

  int socket_ = -1;
  bool connected_ = false;
  std::string received_;
};

}  // namespace sirocco::http
