#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/client_testing.hpp"
#include "sirocco/server/http/server.hpp"

namespace sirocco::http {

/// Waits until `condition` holds. A failure says that it never did.
inline bool eventually(const std::function<bool()>& condition) {
  for (int waited = 0; waited < kPatienceMs; waited += 2) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ADD_FAILURE() << "it never came to pass";
  return false;
}

/// What handlers of a TestServer have met.
struct Seen {
  std::atomic<int> gone = 0;     ///< handlers that were left because the client went
  std::atomic<int> waiting = 0;  ///< handlers that have begun to wait
  std::atomic<int> pieces = 0;   ///< of floods, sent
  std::atomic<int> bodies = 0;   ///< of /echo, read
  std::mutex mutex;
  std::vector<Signal> signals;  ///< of those that wait
  std::vector<ExchangeRecord> records;

  std::vector<ExchangeRecord> ended() {
    const std::lock_guard lock(mutex);
    return records;
  }
  void ring() {
    const std::lock_guard lock(mutex);
    for (const Signal& signal : signals) signal.ring();
  }
};

/// Counts the handlers that are unwound because their client went.
class GoneCounter {
 public:
  explicit GoneCounter(Seen& seen) : seen_(seen) {}
  GoneCounter(const GoneCounter&) = delete;
  GoneCounter& operator=(const GoneCounter&) = delete;
  ~GoneCounter() {
    if (!ended) ++seen_.gone;
  }
  bool ended = false;

 private:
  Seen& seen_;
};

namespace test_routes {

inline Task<Answered> text(Exchange& exchange, std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  co_return co_await exchange.respond(std::move(response));
}

/// As many events as the query's n says.
inline Task<Answered> events(Exchange& exchange) {
  const int count = std::stoi(std::string(exchange.request().query_value("n").value_or("3")));
  EventStream events = co_await exchange.start_events();
  co_await events.send_comment("begins");
  for (int i = 0; i < count; ++i) {
    const std::string data = "number " + std::to_string(i);
    co_await events.send(data, i == 0 ? "first" : "");
  }
  co_return co_await events.finish();
}

/// Pieces of 64 KiB, 100 MiB in all.
inline Task<Answered> flood(Seen& seen, Exchange& exchange) {
  GoneCounter gone(seen);
  Stream stream = co_await exchange.start_stream(200, "application/octet-stream");
  for (int i = 0; i < 1600; ++i) {
    co_await stream.send(std::string(64 << 10, 'x'));
    ++seen.pieces;
  }
  gone.ended = true;
  co_return co_await stream.finish();
}

/// Waits until its signal has been rung as often as the query's n says; sends nothing before.
inline Task<Answered> silent(Seen& seen, Exchange& exchange) {
  GoneCounter gone(seen);
  const int count = std::stoi(std::string(exchange.request().query_value("n").value_or("1")));
  {
    const std::lock_guard lock(seen.mutex);
    seen.signals.push_back(exchange.signal());
  }
  for (int i = 0; i < count; ++i) {
    ++seen.waiting;
    co_await exchange.wait();
  }
  gone.ended = true;
  co_return co_await text(exchange, "rung");
}

inline Task<Answered> fail(Exchange& exchange) {
  const std::string kind(exchange.request().query_value("kind").value_or(""));
  if (kind == "missing") throw NotFound("there is no model of that name");
  if (kind == "full") throw ResourceExhausted("that never fits");
  if (kind == "busy") throw Busy("too many wait");
  if (kind == "io") throw IoError("the file secret can't be read");
  if (kind == "other") throw std::runtime_error("secret");
  if (kind == "number") throw 7;
  Stream stream = co_await exchange.start_stream(200, "text/plain");
  co_await stream.send("some");
  throw std::runtime_error("in the middle");
}

inline Task<Answered> off_thread(Exchange& exchange) {
  const std::thread::id network = std::this_thread::get_id();
  const bool fails = exchange.request().query_value("fails").has_value();
  const std::thread::id worker = co_await exchange.off_thread([fails] {
    if (fails) throw InvalidArgument("worked in vain");
    return std::this_thread::get_id();
  });
  const bool back = std::this_thread::get_id() == network;
  co_return co_await text(exchange, back && worker != network ? "elsewhere and back" : "wrong");
}

inline std::vector<Route> all(Seen& seen) {
  std::vector<Route> routes;
  routes.push_back({Method::kGet, "/hello", [](Exchange& e) { return text(e, "hello"); }, true});
  routes.push_back({Method::kPost, "/echo", [&seen](Exchange& e) {
                      ++seen.bodies;
                      return text(e, e.take_body());
                    }});
  routes.push_back(
      {Method::kPost, "/small", [](Exchange& e) { return text(e, e.take_body()); }, false, 10});
  routes.push_back({Method::kGet, "/models/{name}", [](Exchange& e) {
                      return text(e, std::string(e.request().parameter("name")));
                    }});
  routes.push_back({Method::kGet, "/who", [](Exchange& e) {
                      return text(e, e.request().caller.label + " " + e.request().peer);
                    }});
  routes.push_back({Method::kGet, "/events", [](Exchange& e) { return events(e); }});
  routes.push_back({Method::kGet, "/flood", [&seen](Exchange& e) { return flood(seen, e); }});
  routes.push_back({Method::kGet, "/silent", [&seen](Exchange& e) { return silent(seen, e); }});
  routes.push_back({Method::kPost, "/silent", [&seen](Exchange& e) { return silent(seen, e); }});
  routes.push_back({Method::kGet, "/fail", [](Exchange& e) { return fail(e); }});
  routes.push_back({Method::kGet, "/off_thread", [](Exchange& e) { return off_thread(e); }});
  routes.push_back(
      {Method::kGet, "/large", [](Exchange& e) { return text(e, std::string(1 << 20, 'y')); }});
  return routes;
}

}  // namespace test_routes

/// A server on loopback with a clock of its own, which stands still unless it is set.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}, std::vector<Route> more = {}) {
    options.port = 0;
    options.tick_s = 0.005;
    options.clock = [this] { return clock.load(); };
    options.on_exchange_end = [this](const ExchangeRecord& record) {
      const std::lock_guard lock(seen.mutex);
      seen.records.push_back(record);
    };
    std::vector<Route> routes = test_routes::all(seen);
    for (Route& route : more) routes.push_back(std::move(route));
    server = std::make_unique<Server>(Routes(std::move(routes)), std::move(options));
    server->start();
  }

  Client client(int receive_buffer = 0) const { return Client(server->port(), receive_buffer); }
  /// Whether it still answers someone new.
  bool answers() const { return client().get("/hello").body == "hello"; }

  /// Sets the clock forward until `condition` holds.
  bool advance_until(const std::function<bool()>& condition) {
    return eventually([&] {
      clock = clock + 50;
      return condition();
    });
  }

  std::atomic<Seconds> clock = 1000;
  Seen seen;
  std::unique_ptr<Server> server;
};

}  // namespace sirocco::http
