#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sirocco/server/http/message.hpp"
#include "sirocco/server/http/routes.hpp"

namespace sirocco {
struct ModelFigures;
}

namespace sirocco::http {

/// What one server takes, so that no client can have more of it than its share.
struct Limits {
  std::size_t max_head_bytes = 16 << 10;          ///< of a request line with its headers; else 431
  std::size_t max_header_fields = 100;            ///< else 431
  std::size_t max_body_bytes = 32 << 20;          ///< of one body; else 413
  std::size_t max_all_body_bytes = 1 << 30;       ///< of all bodies that are held at once; else 503
  std::size_t max_pipelined_bytes = 64 << 10;     ///< read ahead while a request is answered
  std::size_t max_connections = 1024;             ///< open at once; more get 503
  std::size_t max_connections_per_address = 256;  ///< an IPv4 address or an IPv6 /64
  Seconds head_s = 10;  ///< for a whole head, from its first byte, or a TLS handshake; else 408
  Seconds body_stall_s = 30;   ///< without a byte of a body that is awaited; else 408
  Seconds body_s = 300;        ///< for a whole body, from the end of its head; else 408
  Seconds idle_s = 75;         ///< between two requests; the connection is closed
  Seconds write_stall_s = 30;  ///< without the client taking a byte; it is dropped
  Seconds linger_s = 2;        ///< for a client to take the last answer before it is cut off
};

/// What the gate says of a request before its body is read.
struct GateResult {
  Headers headers;  ///< for whatever is answered, such as those of CORS
  /// Who it is that may go on, or why not, or the answer.
  std::variant<Caller, Refusal, Response> verdict;
};
/// Asked of each request once its head is there. `open`: its route is for everyone. Network
/// thread.
using Gate = std::function<GateResult(const Request& request, bool open)>;

/// Makes the answer to a refused request in the shape of the API that has its path, which is empty
/// where it couldn't be read. Status and headers of the refusal are added.
struct ErrorBody {
  std::string content_type;
  std::string body;
};
using MakeErrorBody = std::function<ErrorBody(const Refusal& refusal, const Request& request)>;

/// An exchange that has ended.
struct ExchangeRecord {
  std::string id;
  std::string method;
  std::string raw_path;
  std::string peer;
  std::string key_label;
  int status = 0;                ///< 499: the client went before there was an answer
  std::uint64_t sent_bytes = 0;  ///< of the body
  Seconds seconds = 0;           ///< from the end of the head to the end of the answer
  bool cut_off = false;          ///< the answer was begun and not ended
  std::string route = {};        ///< the pattern of the path's route; empty: there is none
  std::shared_ptr<const ModelFigures> figures = {};  ///< what the handler left; null: nothing
};
/// Told of each exchange at its end, on the network thread.
using OnExchangeEnd = std::function<void(const ExchangeRecord&)>;
/// The line of a record for the access log. No byte of it comes from a body or a query.
std::string access_line(const ExchangeRecord& record);

/// PEM files: the certificate first, then those that it was signed with.
struct TlsFiles {
  std::filesystem::path certificate_chain;
  std::filesystem::path private_key;
};

/// Work of the house that nobody asks for: it is done on the network thread about every `every_s`
/// seconds of the server's clock, from start to drain. It is short and doesn't throw.
struct Upkeep {
  Seconds every_s = 60;
  std::function<void()> work = {};  ///< without it, there is none
};

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< an address, a name, or "localhost": both loopback addresses
  std::uint16_t port = 8080;       ///< 0: any that is free
  std::optional<TlsFiles> tls = {};
  Limits limits = {};
  int workers = 2;                     ///< threads of Exchange::off_thread for short labor
  Gate gate = {};                      ///< without one, all may go on
  MakeErrorBody error_body = {};       ///< without one, the message as plain text
  OnExchangeEnd on_exchange_end = {};  ///< without one, access_line goes to the log as information
  Upkeep upkeep = {};
  std::function<Seconds()> clock = {};  ///< a steady clock, thread-safe; the system's without
  Seconds tick_s = 0.25;                ///< how often limits of time are looked after
};

/// An HTTP/1.1 server with one network thread, whatever the number of connections. It listens once
/// it is made, and answers once started. The functions are thread-safe; start, stop and the
/// destructor belong to one thread at a time.
class Server {
 public:
  /// Throws InvalidArgument for options out of range, IoError where the address can't be listened
  /// on, and IoError or FormatError for TLS files, with the file and why.
  Server(Routes routes, ServerOptions options);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// What is listened on: "127.0.0.1:8080", "[::1]:8080".
  const std::vector<std::string>& addresses() const;
  std::uint16_t port() const;

  void start();
  /// Begins the end: listens no more, closes connections that wait for a request, and answers what
  /// comes on the others with 503. Exchanges go on. Returns at once.
  void drain();
  /// Blocks until no connection is left, or `longest` seconds of the system's clock have passed;
  /// whether none is. For after drain.
  bool wait_until_closed(Seconds longest);
  /// Ends everything at once: handlers get ClientGone, and work off the thread is waited for.
  void stop();

  /// How many are open.
  std::size_t connections() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sirocco::http
