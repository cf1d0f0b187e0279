#include "sirocco/server/http/server.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/log.hpp"
#include "sirocco/server/http/connection.hpp"
#include "sirocco/server/http/listener.hpp"
#include "sirocco/server/http/tls_context.hpp"

namespace sirocco::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

ServerOptions checked(ServerOptions options) {
  if (options.workers < 1)
    throw InvalidArgument("a server needs a worker, not {}", options.workers);
  if (!(options.tick_s > 0)) throw InvalidArgument("a server's tick takes time");
  if (!(options.upkeep.every_s > 0))
    throw InvalidArgument("a server does other things than upkeep");
  if (!options.gate) {
    options.gate = [](const Request&, bool) { return GateResult{{}, Caller{}}; };
  }
  if (!options.error_body) {
    options.error_body = [](const Refusal& refusal, const Request&) {
      return ErrorBody{"text/plain; charset=utf-8", refusal.message + "\n"};
    };
  }
  if (!options.on_exchange_end) {
    options.on_exchange_end = [](const ExchangeRecord& record) {
      log_line(LogLevel::kInfo, access_line(record));
    };
  }
  if (!options.clock) {
    options.clock = [] {
      return std::chrono::duration<Seconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
    };
  }
  return options;
}

std::uint64_t random_number() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

class Server::Implementation {
 public:
  Implementation(Routes routes, ServerOptions options)
      : routes_(std::move(routes)),
        options_(checked(std::move(options))),
        workers_(static_cast<std::size_t>(options_.workers)),
        surroundings_{routes_,        options_,     network_,
                      workers_,       long_worker_, std::make_shared<Mailbox>(network_),
                      random_number()},
        ticker_(network_),
        upkeep_timer_(network_) {
    if (options_.tls) tls_.emplace(make_tls_context(*options_.tls));
    acceptors_ = listen_on(network_, options_.host, options_.port);
    port_ = acceptors_.front().local_endpoint().port();
    for (const Tcp::acceptor& acceptor : acceptors_) {
      addresses_.push_back(endpoint_text(acceptor.local_endpoint()));
    }
  }

  ~Implementation() { stop(); }

  const std::vector<std::string>& addresses() const { return addresses_; }
  std::uint16_t port() const { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  void start() {
    SIROCCO_CHECK(!thread_.joinable() && !stopped_);
    for (Tcp::acceptor& acceptor : acceptors_) {
      asio::co_spawn(network_, accept(acceptor), [](std::exception_ptr failure) {
        if (failure) log_line(LogLevel::kError, "the server takes no more connections");
      });
    }
    if (options_.upkeep.work) asio::co_spawn(network_, keep_up(), asio::detached);
    thread_ = std::thread([this] { network_.run(); });
  }

  void drain() {
    asio::post(network_, [this] {
      surroundings_.draining = true;
      close_acceptors();
      end_upkeep();
      for (const auto& [connection, peer] : connections_) connection->notify();
    });
  }

  bool wait_until_closed(Seconds longest) {
    std::unique_lock lock(mutex_);
    return closed_.wait_for(lock, std::chrono::duration<Seconds>(longest),
                            [&] { return open_ == 0; });
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    if (thread_.joinable()) {
      asio::post(network_, [this] {
        close_acceptors();
        for (const auto& [connection, peer] : connections_) connection->stop();
        ticker_.cancel();
        end_upkeep();
        guard_.reset();
      });
      thread_.join();
    }
    close_acceptors();
    surroundings_.mailbox->close();
    workers_.join();
    long_worker_.join();
  }

 private:
  void close_acceptors() {
    Code ignored;
    for (Tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
  }

  Task<void> accept(Tcp::acceptor& acceptor) {
    while (acceptor.is_open()) {
      auto [code, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
      if (!code) {
        take(std::move(socket));
      } else if (acceptor.is_open()) {
        // No descriptors are left, perhaps: asking again at once would only cost time.
        asio::steady_timer pause(network_, std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      }
    }
  }

  void take(Tcp::socket socket) {
    Code code;
    const Tcp::endpoint endpoint = socket.remote_endpoint(code);
    if (code) return;
    const std::string client = client_text(endpoint.address());
    std::size_t& of_client = connections_of_[client];
    const Limits& limits = options_.limits;
    if (connections_.size() >= limits.max_connections ||
        of_client >= limits.max_connections_per_address) {
      if (of_client == 0) connections_of_.erase(client);
      refuse(std::move(socket));
      return;
    }
    ++of_client;
    socket.set_option(Tcp::no_delay(true), code);
    std::unique_ptr<Transport> transport =
        tls_ ? make_transport(std::move(socket), *tls_) : make_transport(std::move(socket));
    const auto connection = std::make_shared<Connection>(surroundings_, std::move(transport),
                                                         address_text(endpoint.address()));
    connections_.emplace(connection, client);
    count();
    if (!std::exchange(ticking_, true)) asio::co_spawn(network_, tick(), asio::detached);
    asio::co_spawn(network_, connection->run(), [this, connection](std::exception_ptr failure) {
      if (failure) {
        log_line(LogLevel::kError, "a connection ended with an exception");
        connection->stop();
      }
      forget(connection);
    });
  }

  /// As far as it goes without waiting: the client learns that it may come again.
  void refuse(Tcp::socket socket) {
    Code ignored;
    socket.non_blocking(true, ignored);
    if (!tls_) asio::write(socket, asio::buffer(kBusy), ignored);
    socket.shutdown(Tcp::socket::shutdown_send, ignored);
  }

  void forget(const std::shared_ptr<Connection>& connection) {
    const auto found = connections_.find(connection);
    const auto of_client = connections_of_.find(found->second);
    if (--of_client->second == 0) connections_of_.erase(of_client);
    connections_.erase(found);
    count();
  }

  void count() {
    {
      const std::lock_guard lock(mutex_);
      open_ = connections_.size();
    }
    closed_.notify_all();
  }

  /// Runs while there are connections.
  Task<void> tick() {
    while (!connections_.empty()) {
      ticker_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
          std::chrono::duration<Seconds>(options_.tick_s)));
      co_await ticker_.async_wait(asio::as_tuple(asio::use_awaitable));
      const Seconds now = options_.clock();
      for (const auto& [connection, client] : connections_) connection->check_time(now);
    }
    ticking_ = false;
  }

  /// Looks at the clock when upkeep should be due, and does it if it is.
  Task<void> keep_up() {
    const Upkeep& upkeep = options_.upkeep;
    for (Seconds due = options_.clock() + upkeep.every_s; keeps_up_;) {
      upkeep_timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
          std::chrono::duration<Seconds>(due - options_.clock())));
      co_await upkeep_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
      if (!keeps_up_ || options_.clock() < due) continue;
      upkeep.work();
      due = options_.clock() + upkeep.every_s;
    }
  }

  void end_upkeep() {
    keeps_up_ = false;
    upkeep_timer_.cancel();
  }

  const Routes routes_;
  const ServerOptions options_;
  asio::io_context network_{1};
  asio::thread_pool workers_;
  asio::thread_pool long_worker_{1};
  std::optional<asio::ssl::context> tls_;
  Surroundings surroundings_;
  asio::steady_timer ticker_;
  bool ticking_ = false;
  asio::steady_timer upkeep_timer_;
  bool keeps_up_ = true;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_{
      asio::make_work_guard(network_)};
  std::vector<Tcp::acceptor> acceptors_;
  std::vector<std::string> addresses_;
  std::uint16_t port_ = 0;
  std::map<std::shared_ptr<Connection>, std::string> connections_;  // with their client's text
  std::map<std::string, std::size_t> connections_of_;
  std::thread thread_;
  bool stopped_ = false;

  mutable std::mutex mutex_;
  std::condition_variable closed_;
  std::size_t open_ = 0;
};

Server::Server(Routes routes, ServerOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(routes), std::move(options))) {}
Server::~Server() = default;

const std::vector<std::string>& Server::addresses() const { return implementation_->addresses(); }
std::uint16_t Server::port() const { return implementation_->port(); }
std::size_t Server::connections() const { return implementation_->connections(); }
void Server::start() { implementation_->start(); }
void Server::drain() { implementation_->drain(); }
bool Server::wait_until_closed(Seconds longest) {
  return implementation_->wait_until_closed(longest);
}
void Server::stop() { implementation_->stop(); }

}  // namespace sirocco::http
