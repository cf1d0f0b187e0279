#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/server/http/message.hpp"
#include "sirocco/server/http/signal.hpp"
#include "sirocco/server/http/task.hpp"

namespace sirocco {
struct ModelFigures;
}

namespace sirocco::http {

class Connection;

/// The client is gone, doesn't read, or is cut off because the server stops. A handler lets it
/// pass: what it holds is given back as it unwinds, and nobody is answered.
class ClientGone : public Cancelled {
 public:
  ClientGone() : Cancelled("the client is gone") {}
};

/// Which workers do what a handler has off the network thread.
enum class Labor : std::uint8_t {
  kShort,  ///< what every request has: milliseconds
  kLong,   ///< what may take seconds: on one thread for all, which nothing short waits for
};

/// The proof that an exchange was answered: what each handler ends with.
class Answered {
 private:
  friend class Exchange;
  friend class Stream;
  Answered() = default;
};

/// An answer that is sent piece by piece, after its status and headers. `send` returns when the
/// system has taken the piece, so a client that reads slowly holds up its own handler and nobody
/// else; one that takes nothing for Limits::write_stall_s is dropped. A stream that goes without
/// `finish` is cut off, so that its reader sees that something is missing. Move-only; network
/// thread.
class Stream {
 public:
  Stream(Stream&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    connection_ = std::exchange(other.connection_, nullptr);
    return *this;
  }

  /// Throws ClientGone.
  [[nodiscard]] Task<void> send(std::string piece);
  /// Ends the answer; nothing is sent after it. Throws ClientGone.
  [[nodiscard]] Task<Answered> finish();

 private:
  friend class Exchange;
  explicit Stream(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

/// A Stream of Server-Sent Events.
class EventStream {
 public:
  /// One event; `data` may have several lines, `name` none. Throws ClientGone.
  [[nodiscard]] Task<void> send(std::string_view data, std::string_view name = {});
  /// A line that clients skip, to keep the way to them open in a silence. Throws ClientGone.
  [[nodiscard]] Task<void> send_comment(std::string_view text);
  /// As Stream::finish.
  [[nodiscard]] Task<Answered> finish() { return stream_.finish(); }

 private:
  friend class Exchange;
  explicit EventStream(Stream stream) : stream_(std::move(stream)) {}
  Stream stream_;
};

/// The text of one event. Line ends in `data`, of any kind, begin a new line of it.
std::string event_text(std::string_view data, std::string_view name = {});

/// A request and the ways to answer it. It lives until its handler has ended; one answer each.
///
/// Whatever a handler awaits here throws ClientGone as soon as the client is gone, also while
/// nothing is sent: a handler that holds its work (an engine's Request) in a local variable
/// cancels it that way. A client that closes only its sending side is answered: it is sent an
/// interim "100 Continue", or between events an empty comment, which a client that closed both
/// sides answers with a reset. One of HTTP/1.0, to which neither can be sent, counts as gone; what
/// is answered without waiting reaches it all the same. Network thread.
class Exchange {
 public:
  const Request& request() const;
  /// The body, moved out.
  std::string take_body();

  /// Sends a whole answer. Throws ClientGone.
  [[nodiscard]] Task<Answered> respond(Response response);
  /// Sends the status and headers of an answer whose body comes in pieces. Throws ClientGone.
  [[nodiscard]] Task<Stream> start_stream(int status, std::string content_type,
                                          Headers headers = {});
  /// The same for `text/event-stream`, status 200, with the headers that ask proxies not to
  /// collect it.
  [[nodiscard]] Task<EventStream> start_events(Headers headers = {});

  /// What wakes this handler from other threads.
  Signal signal() const;
  /// Waits until the signal was rung since the last wait. Throws ClientGone.
  [[nodiscard]] Task<void> wait();
  /// The same for `longest` seconds at most, to the server's tick. False when they passed. Throws
  /// ClientGone.
  [[nodiscard]] Task<bool> wait_for(Seconds longest);

  /// Runs `work()` on one of the server's workers and goes on with its result, or what it threw,
  /// on the network thread. For what computes long or blocks; it waits for a free worker of that
  /// labor. It isn't interrupted: ClientGone is thrown after it.
  template <class Work>
  [[nodiscard]] Task<std::invoke_result_t<Work&>> off_thread(Work work,
                                                             Labor labor = Labor::kShort) {
    using Result = std::invoke_result_t<Work&>;
    if constexpr (std::is_void_v<Result>) {
      const std::function<void()> run = [&work] { work(); };
      co_await run_on_worker(run, labor);
    } else {
      std::optional<Result> result;
      const std::function<void()> run = [&work, &result] { result.emplace(work()); };
      co_await run_on_worker(run, labor);
      co_return std::move(*result);
    }
  }

  /// Whether what is awaited next throws ClientGone.
  bool client_gone() const;

  /// What the record of this exchange will tell besides HTTP's own. It may still change until the
  /// handler has ended.
  void leave_figures(std::shared_ptr<const ModelFigures> figures);

 private:
  friend class Connection;
  explicit Exchange(Connection& connection) : connection_(connection) {}
  Task<void> run_on_worker(const std::function<void()>& work, Labor labor);

  Connection& connection_;
};

}  // namespace sirocco::http
