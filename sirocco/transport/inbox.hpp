#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/seconds.hpp"
#include "sirocco/transport/transport.hpp"

namespace sirocco {

/// Why a stage is lost whose end failed.
std::string gave_up(std::string_view why);
/// Of an end that was destroyed before it shut down.
inline constexpr std::string_view kNoReason = "it ended without shutting down";

/// An Inbox holds what came for one stage until it is received: frames, and which stages are over,
/// in the order in which that was heard. Thread-safe; one thread takes.
class Inbox {
 public:
  /// `max_waiting`: bytes of one earlier stage that may wait before `push` does.
  Inbox(int stage, int stages, std::uint64_t max_waiting);

  /// Adds a frame of stage `from`, when there is room for it where that stage is an earlier one.
  /// Throws PeerLost when `from`, or the stage of this inbox, is over, and while it waits when any
  /// stage is lost.
  void push(int from, Frame frame);
  /// Adds a frame without waiting for room; drops it when `from` or this stage is over.
  void push_now(int from, Frame frame);
  /// The stage has shut down: its last frame. Does nothing when it is over already, as the next.
  void end(int from);
  /// The stage is lost.
  void lose(int from, std::string_view why);
  /// This inbox's own stage is over: nobody pushes or takes any more.
  void close(std::string_view why);

  /// `Transport`'s receive.
  std::optional<Received> take(Seconds longest);

 private:
  struct Entry {
    int from;
    std::optional<Frame> frame;  // none: the stage is lost
  };
  struct Sender {
    std::uint64_t waiting = 0;  // bytes
    std::optional<std::string> over;
  };
  // Under the lock.
  Sender& sender(int from) { return senders_[static_cast<std::size_t>(from)]; }
  void add(int from, Frame frame);
  bool all_over() const;

  const int stage_;
  const std::uint64_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::condition_variable room_;
  std::deque<Entry> entries_;
  std::vector<Sender> senders_;
  std::optional<int> lost_;  // the first stage that was
  std::optional<std::string> closed_;
};

}  // namespace sirocco
