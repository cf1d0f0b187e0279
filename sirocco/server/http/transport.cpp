#include "sirocco/server/http/transport.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace sirocco::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Code = boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

template <class ByteStream>
class StreamTransport : public Transport {
 public:
  template <class... Args>
  explicit StreamTransport(Args&&... args) : stream_(std::forward<Args>(args)...) {}

  Task<ReadOutcome> read_some(std::span<char> to) override {
    const asio::mutable_buffer buffer(to.data(), to.size());
    const auto [code, bytes] = co_await stream_.async_read_some(buffer, kAwait);
    ReadOutcome outcome;
    outcome.bytes = bytes;
    if (code == asio::error::eof) outcome.end = ReadOutcome::End::kClosed;
    if (code && code != asio::error::eof) outcome.end = ReadOutcome::End::kBroken;
    co_return outcome;
  }

  Task<std::size_t> write_some(std::string_view bytes) override {
    const asio::const_buffer buffer(bytes.data(), bytes.size());
    const auto [code, written] = co_await stream_.async_write_some(buffer, kAwait);
    co_return code ? 0 : written;
  }

  Task<void> wait_until_lost() override {
    co_await stream_.lowest_layer().async_wait(Tcp::socket::wait_error, kAwait);
  }

  void close() override {
    Code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  ByteStream stream_;
};

class Plain final : public StreamTransport<Tcp::socket> {
 public:
  using StreamTransport::StreamTransport;

  Task<bool> handshake() override { co_return true; }
  Task<void> finish_sending() override {
    Code ignored;
    stream_.shutdown(Tcp::socket::shutdown_send, ignored);
    co_return;
  }
};

class Tls final : public StreamTransport<asio::ssl::stream<Tcp::socket>> {
 public:
  using StreamTransport::StreamTransport;

  Task<bool> handshake() override {
    const auto [code] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kAwait);
    co_return !code;
  }
  Task<void> finish_sending() override {
    // It waits for the other side's farewell too; whoever calls it has set a limit to that.
    co_await stream_.async_shutdown(kAwait);
    Code ignored;
    stream_.lowest_layer().shutdown(Tcp::socket::shutdown_send, ignored);
  }
};

}  // namespace

std::unique_ptr<Transport> make_transport(Tcp::socket socket) {
  return std::make_unique<Plain>(std::move(socket));
}

std::unique_ptr<Transport> make_transport(Tcp::socket socket, asio::ssl::context& context) {
  return std::make_unique<Tls>(std::move(socket), context);
}

}  // namespace sirocco::http
