#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "sirocco/server/http/task.hpp"

namespace sirocco::http {

/// How reading came out.
struct ReadOutcome {
  std::size_t bytes = 0;
  enum class End {
    kOpen,    ///< more may come
    kClosed,  ///< the other side has said that nothing will
    kBroken,  ///< the connection is lost
  } end = End::kOpen;
};

/// The bytes of one connection, with TLS or without. One reads and one writes at a time, which may
/// be at the same time. Network thread.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Whether the connection can be used.
  virtual Task<bool> handshake() = 0;
  virtual Task<ReadOutcome> read_some(std::span<char> to) = 0;
  /// How many were written; 0 when the connection is lost.
  virtual Task<std::size_t> write_some(std::string_view bytes) = 0;
  /// Waits until the connection is lost or closed here. For after reading came to kClosed.
  virtual Task<void> wait_until_lost() = 0;
  /// Tells the other side that nothing more will come.
  virtual Task<void> finish_sending() = 0;
  /// Ends the connection, and whatever is awaited here with it.
  virtual void close() = 0;
};

std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket);
/// `context` outlives it.
std::unique_ptr<Transport> make_transport(boost::asio::ip::tcp::socket socket,
                                          boost::asio::ssl::context& context);

}  // namespace sirocco::http
