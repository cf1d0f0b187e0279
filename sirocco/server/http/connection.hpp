#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/server/http/event.hpp"
#include "sirocco/server/http/exchange.hpp"
#include "sirocco/server/http/request_parser.hpp"
#include "sirocco/server/http/response_head.hpp"
#include "sirocco/server/http/server.hpp"
#include "sirocco/server/http/signal_state.hpp"
#include "sirocco/server/http/transport.hpp"

namespace sirocco::http {

/// What the connections of one server share; it outlives them. Network thread.
struct Surroundings {
  const Routes& routes;
  const ServerOptions& options;  ///< every function of it is there
  boost::asio::io_context& network;
  boost::asio::thread_pool& workers;
  boost::asio::thread_pool& long_worker;
  std::shared_ptr<Mailbox> mailbox;
  std::uint64_t next_request_id = 0;
  std::size_t held_body_bytes = 0;
  bool draining = false;
};

/// What is known of the exchange that is under way.
struct ExchangeState {
  Request request;
  std::string method;
  Headers headers = {};  // the gate's, for whatever is answered
  std::shared_ptr<SignalState> signal = {};
  const Route* route = nullptr;  // of its path, if there is one
  Seconds began = 0;
  Framing framing = Framing::kLength;
  int status = 0;
  std::uint64_t sent_bytes = 0;
  std::size_t held_body_bytes = 0;
  bool closes = false;  // nothing can be read after it
  bool begun = false;   // bytes of the answer may have left
  bool probed = false;  // a client that sends no more was sent something to see whether it is there
  std::string_view idle_piece = {};  // what may be sent between pieces and says nothing
  bool ended = false;
  std::shared_ptr<const ModelFigures> figures = {};  // the handler's, for the record
};

/// One client's connection: reads requests, has them answered one after the other, and watches
/// meanwhile whether the client is still there. Network thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Surroundings& surroundings, std::unique_ptr<Transport> transport, std::string peer);

  /// The whole of its life.
  Task<void> run();

  /// Looks after the limits of time.
  void check_time(Seconds now);
  /// What it waits for may have come to pass: the server drains.
  void notify() { event_.notify(); }
  /// Ends it at once; `run` comes to its end.
  void stop();

  // For the exchange that is under way.
  Request& request() { return exchange_->request; }
  bool gone() const { return broken_; }
  Signal signal() const { return Signal(exchange_->signal); }
  void leave_figures(std::shared_ptr<const ModelFigures> figures) {
    exchange_->figures = std::move(figures);
  }
  Task<bool> wait(std::optional<Seconds> longest);
  Task<void> run_on_worker(const std::function<void()>& work, Labor labor);
  Task<void> send_response(Response response);
  /// `idle_piece`, which lives as long as the program, may be sent between pieces.
  Task<void> begin_stream(int status, std::string content_type, Headers headers,
                          std::string_view idle_piece);
  Task<void> send_piece(std::string_view piece);
  Task<void> end_stream();

 private:
  static constexpr Seconds kNever = std::numeric_limits<Seconds>::infinity();

  Task<void> read();
  Task<bool> serve();
  Task<bool> read_head(RequestParser& parser);
  Task<void> answer(RequestParser& parser);
  /// Reads the body; nothing when it is there, or why it won't be. Throws ClientGone.
  Task<std::optional<Refusal>> read_body(RequestParser& parser);
  Task<void> handle(const Route& route);
  Task<void> refuse(Refusal refusal);
  Task<void> send_head(ResponseHead head, std::string_view body);
  Task<void> send_all(std::string_view bytes);
  Task<void> probe();
  Task<void> linger();

  /// Asks the gate and the routes; the row that answers, or else the answer.
  std::variant<const Route*, Refusal, Response> admit();
  std::optional<Refusal> hold_body(std::size_t bytes);
  void begin_exchange(RequestParser& parser);
  void end_exchange();
  Response response_of(const Refusal& refusal) const;

  /// Nothing more comes from the client.
  bool input_ended() const { return sender_closed_ || broken_; }
  const Limits& limits() const { return surroundings_.options.limits; }
  Seconds now() const { return surroundings_.options.clock(); }
  std::string_view unread() const { return std::string_view(inbox_).substr(taken_); }
  void take(std::size_t bytes);
  std::size_t max_unread() const;

  Surroundings& surroundings_;
  const std::unique_ptr<Transport> transport_;
  const std::string peer_;

  Event event_;        // whatever the coroutine that serves may wait for
  Event room_;         // for the one that reads: there is room in the inbox
  std::string inbox_;  // what was read; up to taken_ it is used
  std::size_t taken_ = 0;
  bool sender_closed_ = false;  // nothing more will come
  bool broken_ = false;         // nor can anything be sent

  Seconds deadline_ = kNever;        // of what is awaited from the client
  bool late_ = false;                // it has passed
  Seconds close_deadline_ = kNever;  // then the connection is closed
  Seconds wake_deadline_ = kNever;   // of the handler's wait
  bool first_ = true;                // no request has come yet
  bool lingers_ = false;

  std::optional<ExchangeState> exchange_;
};

}  // namespace sirocco::http
