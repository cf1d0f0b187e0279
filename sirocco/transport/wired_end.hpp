#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sirocco/transport/byte_writer.hpp"
#include "sirocco/transport/inbox.hpp"
#include "sirocco/transport/wired_transport.hpp"

namespace sirocco {

/// A WiredEnd is what a `WiredTransport` does: the state that its callers share with its thread,
/// and the thread. Its functions are those of the transport.
class WiredEnd {
 public:
  WiredEnd(std::unique_ptr<Wire> wire, WiredOptions options);
  WiredEnd(const WiredEnd&) = delete;
  WiredEnd& operator=(const WiredEnd&) = delete;
  ~WiredEnd();

  int stage() const { return stage_; }
  int stages() const { return static_cast<int>(peers_.size()); }

  /// What the transport's constructor promises; once, before the next.
  void agree(std::vector<Term> terms);
  void send(int to, Frame frame);
  std::optional<Received> receive(Seconds longest);
  void shutdown() { finish(End::kInOrder, "it has shut down"); }
  void fail(std::string_view why) noexcept { finish(End::kFailed, why); }
  void join();
  bool wind_up() noexcept;

 private:
  enum class End { kNone, kInOrder, kFailed };
  struct Peer {
    std::deque<Frame> queue;         // what the wire hasn't got yet
    std::uint64_t sent = 0;          // bytes of frames for sending, since the beginning
    std::uint64_t acknowledged = 0;  // of them, those that were received there
    std::uint64_t taken = 0;         // bytes that were received here
    std::uint64_t told = 0;          // of them, those that the peer knows of
    std::optional<std::vector<Term>> hello;
    std::optional<std::string> over;
    bool lost = false;

    // The transport's own stay: the peer waits for them.
    void drop_frames() {
      std::erase_if(queue, [](const Frame& f) { return is_for_sending(f.header.kind); });
    }
  };
  struct Verdict {
    std::optional<std::string> difference;
  };

  Peer& at(int stage) { return peers_[static_cast<std::size_t>(stage)]; }
  template <class F>
  void for_each_other(F body) {
    for (int other = 0; other < stages(); ++other)
      if (other != stage_) body(other, at(other));
  }
  /// A stage that is lost, if there is one.
  std::optional<int> lost() const;
  void finish(End end, std::string_view why) noexcept;
  void wake() {
    woken_ = true;
    wake_.notify_one();
  }

  // On the transport's thread, under the lock: wired_end_thread.cpp.
  void run();
  void work(std::unique_lock<std::mutex>& lock);
  void handle(WireEvent& event);
  void handle(int from, Frame frame);
  void lose(int stage, std::string_view why);
  bool begin_next(int to, Peer& peer);
  bool is_done(Seconds now);
  Seconds nap(Seconds quiet) const;
  bool owes_word(int from, const Peer& peer) const {
    return from < stage_ && peer.taken - peer.told >= options_.frames.max_on_the_way / 4 &&
           peer.taken != peer.told;
  }

  const std::unique_ptr<Wire> wire_;  // the thread's
  const WiredOptions options_;
  const std::function<Seconds()> clock_;
  const int stage_;
  Inbox inbox_;
  Liveness liveness_;  // the thread's
  std::vector<WireEvent> events_;
  std::optional<Seconds> farewell_until_;
  bool told_of_loss_ = false;
  bool stirred_ = false;  // more than pulses came or went at the last look

  std::mutex mutex_;
  std::condition_variable wake_;     // of the thread
  std::condition_variable changed_;  // of everybody else
  std::vector<Peer> peers_;
  std::optional<Verdict> verdict_;
  End end_ = End::kNone;
  std::string end_reason_;
  bool done_ = false;
  bool woken_ = false;
  bool receiving_ = false;
  std::thread thread_;  // last: it uses the rest
};

/// A clock of the system that never goes back.
Seconds steady_seconds();
/// A frame of the transport's own with what was written.
Frame own_frame(FrameKind kind, ByteWriter& writer);
/// Bytes that are told of why a stage gave up, at most.
inline constexpr std::size_t kMaxReason = 1000;

}  // namespace sirocco
