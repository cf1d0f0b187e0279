#include "sirocco/server/http/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/server/http/refusals.hpp"

namespace sirocco::http {
namespace {

namespace asio = boost::asio;

// What is read at once: little while little comes, since every idle connection has it.
constexpr std::size_t kMinRead = 4 << 10;
constexpr std::size_t kMaxRead = 64 << 10;
// What a client may still send after its last answer before it is cut off.
constexpr std::size_t kMaxDiscarded = 4 << 20;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(Surroundings& surroundings, std::unique_ptr<Transport> transport,
                       std::string peer)
    : surroundings_(surroundings),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      event_(surroundings.network.get_executor()),
      room_(surroundings.network.get_executor()) {}

Task<void> Connection::run() {
  const std::shared_ptr<Connection> self = shared_from_this();
  close_deadline_ = now() + limits().head_s;
  const bool usable = co_await transport_->handshake();
  close_deadline_ = kNever;
  if (usable) {
    asio::co_spawn(surroundings_.network, read(), [self](std::exception_ptr failure) {
      if (failure) self->stop();
    });
    for (bool more = true; more;) more = co_await serve();
    if (lingers_) co_await linger();
  }
  stop();
}

Task<void> Connection::read() {
  std::vector<char> buffer(kMinRead);
  while (!broken_) {
    if (unread().size() >= max_unread()) {
      co_await room_.wait();
      continue;
    }
    const ReadOutcome outcome = co_await transport_->read_some(buffer);
    inbox_.append(buffer.data(), outcome.bytes);
    if (outcome.end != ReadOutcome::End::kOpen) sender_closed_ = true;
    if (outcome.end == ReadOutcome::End::kBroken) broken_ = true;
    event_.notify();
    if (sender_closed_) break;
    const bool filled = outcome.bytes == buffer.size();
    if (filled && buffer.size() < kMaxRead) buffer.resize(buffer.size() * 4);
    if (outcome.bytes < kMinRead && buffer.size() > kMinRead) {
      buffer.resize(kMinRead);
      buffer.shrink_to_fit();
    }
  }
  if (broken_) co_return;
  co_await transport_->wait_until_lost();
  broken_ = true;
  event_.notify();
}

/// One request and its answer. Whether another may follow.
Task<bool> Connection::serve() {
  RequestParser parser(HeadLimits{limits().max_head_bytes, limits().max_header_fields});
  const bool come = co_await read_head(parser);
  deadline_ = kNever;
  lingers_ = come;
  if (!come) co_return false;
  first_ = false;
  begin_exchange(parser);
  try {
    co_await answer(parser);
  } catch (const ClientGone&) {
    exchange_->closes = true;
  } catch (const std::exception& error) {
    // An answer that couldn't be written: nobody can be told.
    log_line(LogLevel::kError, fmt::format("request {}: no answer, for an exception of the type {}",
                                           exchange_->request.id, typeid(error).name()));
    exchange_->closes = true;
  }
  const bool answered = exchange_->ended;
  const bool more = answered && !exchange_->closes;
  end_exchange();
  lingers_ = answered;
  co_return more;
}

/// Whether there is something to answer: a head, or why there is none.
Task<bool> Connection::read_head(RequestParser& parser) {
  late_ = false;
  deadline_ = now() + (first_ ? limits().head_s : limits().idle_s);
  for (bool begun = false;;) {
    take(parser.feed(unread()));
    if (parser.state() != RequestParser::State::kHead) co_return true;
    if (!begun && !unread().empty()) {
      begun = true;
      late_ = false;
      deadline_ = now() + limits().head_s;
    }
    if (input_ended() || (!begun && surroundings_.draining)) co_return false;
    if (late_) co_return begun;
    co_await event_.wait();
  }
}

void Connection::begin_exchange(RequestParser& parser) {
  exchange_.emplace();
  exchange_->began = now();
  // Of a request that can't be read, nothing that follows can.
  exchange_->closes = parser.state() != RequestParser::State::kHeadDone;
  exchange_->request = std::move(parser.request());
  Request& request = exchange_->request;
  request.peer = peer_;
  const std::optional<std::string_view> id = request.header("x-request-id");
  request.id =
      id && is_request_id(*id) ? std::string(*id) : request_id(surroundings_.next_request_id++);
  exchange_->signal = std::make_shared<SignalState>(surroundings_.mailbox, event_);
}

void Connection::end_exchange() {
  ExchangeState& exchange = *exchange_;
  exchange.signal->forget();
  surroundings_.held_body_bytes -= exchange.held_body_bytes;
  ExchangeRecord record;
  record.id = std::move(exchange.request.id);
  record.method = method_name(exchange.request.method);
  record.raw_path = std::move(exchange.request.raw_path);
  record.peer = peer_;
  record.key_label = std::move(exchange.request.caller.label);
  record.status = exchange.begun ? exchange.status : 499;
  record.sent_bytes = exchange.sent_bytes;
  record.seconds = now() - exchange.began;
  record.cut_off = exchange.begun && !exchange.ended;
  if (exchange.route != nullptr) record.route = exchange.route->pattern;
  record.figures = std::move(exchange.figures);
  exchange_.reset();
  surroundings_.options.on_exchange_end(record);
}

Task<void> Connection::answer(RequestParser& parser) {
  if (parser.state() == RequestParser::State::kRefused) {
    co_await refuse(parser.refusal());
    co_return;
  }
  if (parser.state() == RequestParser::State::kHead) {
    co_await refuse(late_request());
    co_return;
  }
  const bool has_body = parser.content_length() != 0;
  auto admitted = admit();
  if (Refusal* refusal = std::get_if<Refusal>(&admitted)) {
    exchange_->closes |= has_body;
    co_await refuse(std::move(*refusal));
    co_return;
  }
  if (Response* response = std::get_if<Response>(&admitted)) {
    exchange_->closes |= has_body;
    co_await send_response(std::move(*response));
    co_return;
  }
  const Route& route = *std::get<const Route*>(admitted);
  parser.begin_body(route.max_body_bytes.value_or(limits().max_body_bytes));
  std::optional<Refusal> refusal = co_await read_body(parser);
  if (refusal) {
    exchange_->closes = true;
    co_await refuse(std::move(*refusal));
    co_return;
  }
  exchange_->request.body = std::move(parser.request().body);
  co_await handle(route);
}

std::variant<const Route*, Refusal, Response> Connection::admit() {
  Request& request = exchange_->request;
  if (surroundings_.draining) {
    exchange_->closes = true;
    return draining();
  }
  try {
    Routes::Match match = surroundings_.routes.find(request.method, request.segments);
    exchange_->route = match.route;
    GateResult result =
        surroundings_.options.gate(request, match.route != nullptr && match.route->open);
    exchange_->headers = std::move(result.headers);
    if (auto* refusal = std::get_if<Refusal>(&result.verdict)) return std::move(*refusal);
    if (auto* response = std::get_if<Response>(&result.verdict)) return std::move(*response);
    request.caller = std::get<Caller>(std::move(result.verdict));
    if (match.route == nullptr) return no_route(request, match.allowed);
    request.parameters = std::move(match.parameters);
    return match.route;
  } catch (const std::exception&) {
    return *refusal_of(std::current_exception(), request);
  }
}

std::optional<Refusal> Connection::hold_body(std::size_t bytes) {
  std::size_t& held = exchange_->held_body_bytes;
  if (bytes <= held) return std::nullopt;
  if (bytes - held > limits().max_all_body_bytes - surroundings_.held_body_bytes) {
    return bodies_take_all();
  }
  surroundings_.held_body_bytes += bytes - held;
  held = bytes;
  return std::nullopt;
}

Task<std::optional<Refusal>> Connection::read_body(RequestParser& parser) {
  constexpr auto kBody = RequestParser::State::kBody;
  if (parser.state() == kBody && parser.expects_continue() && unread().empty()) {
    co_await send_all(kContinue);
  }
  const Seconds end = now() + limits().body_s;
  late_ = false;
  deadline_ = std::min(end, now() + limits().body_stall_s);
  std::optional<Refusal> refusal;
  while (parser.state() == kBody) {
    const std::size_t used = parser.feed(unread());
    take(used);
    if (parser.state() == kBody && used == 0) {
      if (input_ended()) throw ClientGone();
      if (late_) {
        refusal = late_request();
        break;
      }
      co_await event_.wait();
      continue;
    }
    late_ = false;
    deadline_ = std::min(end, now() + limits().body_stall_s);
    refusal = hold_body(parser.request().body.size());
    if (refusal) break;
  }
  deadline_ = kNever;
  if (!refusal && parser.state() == RequestParser::State::kRefused) refusal = parser.refusal();
  co_return refusal;
}

Task<void> Connection::handle(const Route& route) {
  std::exception_ptr failure;
  try {
    Exchange exchange(*this);
    co_await route.handler(exchange);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  exchange_->closes |= exchange_->begun;
  std::optional<Refusal> refusal = refusal_of(failure, exchange_->request);
  if (!refusal) throw ClientGone();
  if (!exchange_->begun) co_await refuse(std::move(*refusal));
}

Task<bool> Connection::wait(std::optional<Seconds> longest) {
  const Seconds end = longest ? now() + *longest : kNever;
  for (;;) {
    if (sender_closed_) co_await probe();
    if (gone()) throw ClientGone();
    if (exchange_->signal->take()) co_return true;
    if (now() >= end) co_return false;
    wake_deadline_ = end;
    co_await event_.wait();
    wake_deadline_ = kNever;
  }
}

Task<void> Connection::run_on_worker(const std::function<void()>& work, Labor labor) {
  if (gone()) throw ClientGone();
  std::atomic<bool> unwanted = false;
  bool done = false;
  std::exception_ptr failure;
  auto& workers = labor == Labor::kLong ? surroundings_.long_worker : surroundings_.workers;
  asio::post(workers, [&] {
    try {
      if (!unwanted.load(std::memory_order_acquire)) work();
    } catch (...) {
      failure = std::current_exception();
    }
    asio::post(surroundings_.network, [&] {
      done = true;
      event_.notify();
    });
  });
  // All of the above is the worker's until it says that it is done.
  while (!done) {
    if (sender_closed_) co_await probe();
    if (gone()) unwanted.store(true, std::memory_order_release);
    co_await event_.wait();
  }
  if (gone()) throw ClientGone();
  if (failure) std::rethrow_exception(failure);
}

/// Finds out whether a client that sends no more still reads: one that has closed the connection
/// looks the same until bytes reach its system, which answers them with a reset. Clients skip an
/// interim answer that they didn't ask for (RFC 9110, 15.2), and what is idle in a stream.
Task<void> Connection::probe() {
  if (broken_ || std::exchange(exchange_->probed, true)) co_return;
  try {
    if (exchange_->begun) {
      if (!exchange_->idle_piece.empty()) co_await send_piece(exchange_->idle_piece);
    } else if (exchange_->request.chunks) {
      co_await send_all(kContinue);
    } else {
      broken_ = true;  // HTTP/1.0 has nothing that can be sent ahead
    }
  } catch (const ClientGone&) {
    broken_ = true;
  }
}

/// Waits until the client has closed its side too: if the connection were closed while bytes of it
/// are still coming, the system could take the answer back.
Task<void> Connection::linger() {
  close_deadline_ = now() + limits().linger_s;
  co_await transport_->finish_sending();
  for (std::size_t discarded = 0; !input_ended() && discarded < kMaxDiscarded;) {
    discarded += unread().size();
    take(unread().size());
    co_await event_.wait();
  }
}

void Connection::take(std::size_t bytes) {
  if (bytes == 0) return;
  taken_ += bytes;
  if (taken_ == inbox_.size() || taken_ > kMaxRead) {
    inbox_.erase(0, taken_);
    taken_ = 0;
  }
  if (inbox_.empty() && inbox_.capacity() > kMaxRead) inbox_.shrink_to_fit();
  room_.notify();
}

std::size_t Connection::max_unread() const {
  // A head, or a line between chunks, that is too long must be seen to be.
  return std::max(limits().max_pipelined_bytes, limits().max_head_bytes + 4);
}

void Connection::check_time(Seconds now) {
  if (now >= close_deadline_) stop();
  if (now >= deadline_) {
    deadline_ = kNever;
    late_ = true;
    event_.notify();
  }
  if (now >= wake_deadline_) event_.notify();
}

void Connection::stop() {
  broken_ = true;
  transport_->close();
  event_.notify();
  room_.notify();
}

}  // namespace sirocco::http
