#include "sirocco/transport/wired_transport.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"
#include "sirocco/transport/inbox.hpp"

namespace sirocco {
namespace {

// A nap costs about 20 us of a core. Somebody who waits may be kept waiting for a sixteenth of the
// time that they have waited, within bounds: few naps in a long wait, and a short one is hardly
// longer. Nobody waits while a stage computes; and a chain that has rested can do so for longer.
constexpr double kNapShare = 1.0 / 16;
constexpr Seconds kShortestNap = 20e-6;
constexpr Seconds kLongestNapWaitedFor = 1e-3;
constexpr Seconds kNapUnwaitedFor = 2e-3;
constexpr Seconds kRestAfter = 1;
constexpr Seconds kNapAtRest = 5e-3;
// How long the others have to hear why this end failed.
constexpr Seconds kFarewell = 1;
constexpr std::size_t kMaxReason = 1000;

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Frame own_frame(FrameKind kind, ByteWriter& writer) {
  Frame frame;
  frame.header.kind = kind;
  frame.payload = writer.take();
  return frame;
}

}  // namespace

class WiredTransport::Impl {
 public:
  Impl(std::unique_ptr<Wire> wire, WiredOptions options)
      : wire_(std::move(wire)),
        options_(std::move(options)),
        clock_(options_.clock ? options_.clock : steady_seconds),
        stage_(wire_->stage()),
        inbox_(stage_, wire_->stages(), options_.frames.max_on_the_way),
        liveness_(wire_->stages(), options_.liveness, clock_()),
        peers_(static_cast<std::size_t>(wire_->stages())),
        thread_([this] { run(); }) {}

  ~Impl() {
    fail(kNoReason);
    thread_.join();
  }

  int stage() const { return stage_; }
  int stages() const { return static_cast<int>(peers_.size()); }

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
  std::optional<int> lost() const {
    const auto is_lost = [](const Peer& peer) { return peer.lost; };
    const auto found = std::find_if(peers_.begin(), peers_.end(), is_lost);
    if (found == peers_.end()) return std::nullopt;
    return static_cast<int>(found - peers_.begin());
  }
  void finish(End end, std::string_view why) noexcept;
  void wake() {
    woken_ = true;
    wake_.notify_one();
  }

  // On the transport's thread, under the lock.
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

// --- What callers do ---

void WiredTransport::Impl::agree(std::vector<Term> terms) {
  terms.insert(terms.begin(),
               {{"the version of sirocco", SIROCCO_VERSION},
                {"the largest payload", fmt::format("{}", options_.frames.max_payload)},
                {"the bytes on the way", fmt::format("{}", options_.frames.max_on_the_way)}});
  std::unique_lock lock(mutex_);
  if (stage_ == 0) {
    const auto are_all_here = [&] {
      return std::all_of(peers_.begin() + 1, peers_.end(),
                         [](const Peer& peer) { return peer.hello.has_value(); });
    };
    changed_.wait(lock, [&] { return lost() || are_all_here(); });
    if (!lost()) {
      verdict_.emplace();
      for (int other = 1; other < stages() && !verdict_->difference; ++other)
        verdict_->difference = first_difference(terms, other, *at(other).hello);
      for_each_other([&](int, Peer& peer) {
        ByteWriter writer;
        writer.write_optional(verdict_->difference,
                              [&](const std::string& text) { writer.write_string(text); });
        peer.queue.push_back(own_frame(FrameKind::kHello, writer));
      });
    }
  } else {
    Frame hello;
    hello.header.kind = FrameKind::kHello;
    hello.payload = encode_terms(terms);
    check_frame(hello, options_.frames.max_payload);
    at(0).queue.push_back(std::move(hello));
    wake();
    // The loss of another stage is stage 0's to tell, or it might come before the verdict.
    changed_.wait(lock, [&] { return at(0).lost || verdict_; });
  }
  wake();
  if (!verdict_) {
    const int stage = stage_ == 0 ? *lost() : 0;
    const PeerLost error(stage, *at(stage).over);
    lock.unlock();
    fail(error.what());
    throw error;
  }
  if (verdict_->difference) {
    const InvalidArgument error("{}", *verdict_->difference);
    lock.unlock();
    fail(error.what());
    throw error;
  }
}

void WiredTransport::Impl::send(int to, Frame frame) {
  SIROCCO_CHECK(to >= 0 && to < stages() && to != stage_ && is_for_sending(frame.header.kind));
  check_frame(frame, options_.frames.max_payload);
  std::unique_lock lock(mutex_);
  Peer& peer = at(to);
  const auto has_room = [&] {
    return to < stage_ || peer.sent - peer.acknowledged < options_.frames.max_on_the_way;
  };
  changed_.wait(lock, [&] { return end_ != End::kNone || peer.over || lost() || has_room(); });
  if (end_ != End::kNone) throw PeerLost(stage_, end_reason_);
  if (peer.over) throw PeerLost(to, *peer.over);
  if (!has_room()) throw PeerLost(*lost(), *at(*lost()).over);
  peer.sent += frame_bytes(frame);
  peer.queue.push_back(std::move(frame));
  wake();
}

std::optional<Received> WiredTransport::Impl::receive(Seconds longest) {
  std::optional<Received> received = inbox_.take(0);
  if (!received && longest > 0) {
    {
      const std::lock_guard lock(mutex_);
      receiving_ = true;
      wake();
    }
    try {
      received = inbox_.take(longest);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      receiving_ = false;
      throw;
    }
  }
  const std::lock_guard lock(mutex_);
  receiving_ = false;
  if (received && is_for_sending(received->frame.header.kind)) {
    Peer& peer = at(received->from);
    peer.taken += frame_bytes(received->frame);
    if (owes_word(received->from, peer)) wake();
  }
  return received;
}

void WiredTransport::Impl::finish(End end, std::string_view why) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (end_ != End::kNone) return;
    end_ = end;
    end_reason_ = end == End::kFailed ? gave_up(why) : std::string(why);
    for_each_other([&](int, Peer& peer) {
      if (peer.lost) return;
      ByteWriter writer;
      if (end == End::kFailed) {
        peer.drop_frames();
        writer.write_string(why.substr(0, kMaxReason));
      }
      peer.queue.push_back(
          own_frame(end == End::kFailed ? FrameKind::kFailure : FrameKind::kShutdown, writer));
    });
    inbox_.close(end_reason_);
    wake();
  }
  changed_.notify_all();
}

void WiredTransport::Impl::join() {
  std::unique_lock lock(mutex_);
  SIROCCO_CHECK(end_ != End::kNone);
  changed_.wait(lock, [&] { return done_; });
  if (end_ == End::kFailed) throw PeerLost(stage_, end_reason_);
  for_each_other([](int other, const Peer& peer) {
    if (peer.lost) throw PeerLost(other, *peer.over);
  });
}

bool WiredTransport::Impl::wind_up() noexcept {
  fail(kNoReason);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
  return end_ == End::kInOrder && !lost();
}

// --- What the transport's thread does ---

void WiredTransport::Impl::run() {
#ifdef __linux__
  // Else the system makes a nap of 20 us one of 70 or more.
  prctl(PR_SET_TIMERSLACK, 1000UL);
#endif
  std::unique_lock lock(mutex_);
  try {
    work(lock);
  } catch (const std::exception& e) {
    if (!lock.owns_lock()) lock.lock();
    // The wire is of no use any more.
    for_each_other([&](int other, Peer&) { lose(other, e.what()); });
  }
  done_ = true;
  lock.unlock();
  changed_.notify_all();
}

void WiredTransport::Impl::work(std::unique_lock<std::mutex>& lock) {
  Seconds active_at = steady_seconds();
  bool was_receiving = false;
  for (;;) {
    lock.unlock();
    const Seconds now = clock_();
    liveness_.listen(now);
    events_.clear();
    wire_->progress(events_);
    lock.lock();

    bool active = !events_.empty();
    for (WireEvent& event : events_) handle(event);
    for_each_other([&](int other, Peer& peer) {
      if (begin_next(other, peer)) active = true;
      if (!peer.over && liveness_.is_silent(other))
        lose(other, fmt::format("nothing was heard of it for {} s", options_.liveness.patience));
    });
    if (is_done(now)) return;

    if (active || (receiving_ && !was_receiving)) active_at = steady_seconds();
    was_receiving = receiving_;
    if (active) continue;
    wake_.wait_for(lock, std::chrono::duration<double>(nap(steady_seconds() - active_at)),
                   [&] { return woken_; });
    woken_ = false;
  }
}

void WiredTransport::Impl::handle(WireEvent& event) {
  liveness_.heard(event.from);
  if (auto* const fault = std::get_if<WireFault>(&event.what)) {
    lose(event.from, fault->why);
  } else if (auto* const frame = std::get_if<Frame>(&event.what)) {
    try {
      handle(event.from, std::move(*frame));
    } catch (const FormatError& e) {
      lose(event.from, fmt::format("it sent what is no frame: {}", e.what()));
    }
  }
}

void WiredTransport::Impl::handle(int from, Frame frame) {
  Peer& peer = at(from);
  if (peer.over) return;
  ByteReader reader(frame.payload, frame_kind_name(frame.header.kind));
  switch (frame.header.kind) {
    case FrameKind::kHello:
      if (stage_ == 0) {
        if (peer.hello) throw FormatError("a second hello");
        peer.hello = decode_terms(frame.payload);
      } else {
        if (from != 0 || verdict_) throw FormatError("a hello that isn't due");
        Verdict verdict;
        verdict.difference = reader.read_optional(
            [&] { return reader.read_string(1 << 20, "the difference"); }, "whether");
        reader.finish();
        verdict_ = std::move(verdict);
      }
      break;
    case FrameKind::kPulse: {
      const auto received = reader.read<std::uint64_t>("the bytes received");
      reader.finish();
      if (received > peer.sent || received < peer.acknowledged) {
        throw FormatError("a pulse counts {} bytes, but {} to {} can have been received", received,
                          peer.acknowledged, peer.sent);
      }
      peer.acknowledged = received;
      break;
    }
    case FrameKind::kFailure: {
      lose(from, gave_up(reader.read_string(kMaxReason, "the reason")));
      break;
    }
    case FrameKind::kShutdown:
      peer.over = "it has shut down";
      peer.drop_frames();
      inbox_.end(from);
      break;
    case FrameKind::kSetup:
    case FrameKind::kReport:
    case FrameKind::kStep:
    case FrameKind::kActivation:
    case FrameKind::kTokens:
    case FrameKind::kFinished:
    case FrameKind::kError:
      inbox_.push_now(from, std::move(frame));
      return;
  }
  changed_.notify_all();
}

void WiredTransport::Impl::lose(int stage, std::string_view why) {
  Peer& peer = at(stage);
  if (peer.over) return;
  peer.over = why;
  peer.lost = true;
  peer.queue.clear();
  inbox_.lose(stage, why);
  changed_.notify_all();
}

// Hands the wire what is next for a stage: a word on what was received where one is owed, so that
// it goes before what waits, then the queue, then a pulse where nothing else was sent.
bool WiredTransport::Impl::begin_next(int to, Peer& peer) {
  if (!wire_->is_free(to)) return false;
  // A peer that has shut down waits until this end has too.
  const bool may_pulse = end_ == End::kNone && !peer.lost;
  if (may_pulse && (owes_word(to, peer) || (peer.queue.empty() && liveness_.wants_pulse(to)))) {
    ByteWriter writer;
    writer.write(peer.taken);
    peer.told = peer.taken;
    wire_->begin(to, own_frame(FrameKind::kPulse, writer));
  } else if (!peer.queue.empty()) {
    wire_->begin(to, std::move(peer.queue.front()));
    peer.queue.pop_front();
  } else {
    return false;
  }
  liveness_.sent(to);
  return true;
}

bool WiredTransport::Impl::is_done(Seconds now) {
  if (end_ == End::kNone) return false;
  bool sent = true;
  bool heard = true;
  for_each_other([&](int other, const Peer& peer) {
    if (peer.lost) return;
    sent = sent && peer.queue.empty() && wire_->is_free(other);
    heard = heard && peer.over;
  });
  if (end_ == End::kInOrder) return sent && heard;
  if (!farewell_until_) farewell_until_ = now + kFarewell;
  return sent || now >= *farewell_until_;
}

Seconds WiredTransport::Impl::nap(Seconds quiet) const {
  bool is_waited_for = receiving_ || end_ != End::kNone;
  for (int other = 0; other < stages(); ++other)
    is_waited_for = is_waited_for || (other != stage_ && !wire_->is_free(other));
  if (quiet > kRestAfter) return kNapAtRest;
  if (!is_waited_for) return kNapUnwaitedFor;
  return std::clamp(quiet * kNapShare, kShortestNap, kLongestNapWaitedFor);
}

// --- The class that is seen ---

WiredTransport::WiredTransport(std::unique_ptr<Wire> wire, const std::vector<Term>& terms,
                               WiredOptions options)
    : impl_(std::make_unique<Impl>(std::move(wire), std::move(options))) {
  impl_->agree(terms);
}
WiredTransport::WiredTransport(WiredTransport&&) noexcept = default;
WiredTransport::~WiredTransport() = default;

int WiredTransport::stage() const { return impl_->stage(); }
int WiredTransport::stages() const { return impl_->stages(); }
void WiredTransport::send(int to, Frame frame) { impl_->send(to, std::move(frame)); }
std::optional<Received> WiredTransport::receive(Seconds longest) { return impl_->receive(longest); }
void WiredTransport::shutdown() { impl_->shutdown(); }
void WiredTransport::fail(std::string_view why) noexcept { impl_->fail(why); }
void WiredTransport::join() { impl_->join(); }
bool WiredTransport::wind_up() noexcept { return impl_->wind_up(); }

}  // namespace sirocco
