// What the thread of a WiredEnd does: it has the wire.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/wired_end.hpp"

namespace sirocco {
namespace {

// A nap costs about 20 us of a core. Somebody who waits may be kept waiting for a sixteenth of the
// time that they have waited, within bounds: few naps in a long wait, and a short one is hardly
// longer. While a stage computes, a nap is its core's: what it has begun to send goes on at the end
// of few of them, and else nobody waits. A chain that has rested can do so for longer.
constexpr double kNapShare = 1.0 / 16;
constexpr Seconds kShortestNap = 20e-6;
constexpr Seconds kLongestNapWaitedFor = 1e-3;
constexpr double kNapShareOfSending = 1.0 / 2;
constexpr Seconds kShortestNapOfSending = 200e-6;
constexpr Seconds kNapUnwaitedFor = 2e-3;
constexpr Seconds kRestAfter = 1;
constexpr Seconds kNapAtRest = 5e-3;
// How long the others have to hear why this end failed.
constexpr Seconds kFarewell = 1;

bool is_pulse(const WireEvent& event) {
  const auto* frame = std::get_if<Frame>(&event.what);
  return frame != nullptr && frame->header.kind == FrameKind::kPulse;
}

}  // namespace

void WiredEnd::run() {
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

void WiredEnd::work(std::unique_lock<std::mutex>& lock) {
  Seconds active_at = steady_seconds();
  bool was_receiving = false;
  for (;;) {
    lock.unlock();
    const Seconds now = clock_();
    liveness_.listen(now);
    if (options_.alarmed) liveness_.set_alarmed(options_.alarmed());
    events_.clear();
    wire_->progress(events_);
    lock.lock();

    bool active = !events_.empty();
    stirred_ = !std::all_of(events_.begin(), events_.end(), is_pulse);
    for (WireEvent& event : events_) handle(event);
    for_each_other([&](int other, Peer& peer) {
      if (begin_next(other, peer)) active = true;
      if (!peer.over && liveness_.is_silent(other))
        lose(other, fmt::format("nothing was heard of it for {} s", liveness_.patience()));
    });
    if (is_done(now)) return;

    // A chain at rest has its pulses too.
    if (stirred_ || (receiving_ && !was_receiving)) active_at = steady_seconds();
    was_receiving = receiving_;
    if (active) continue;
    wake_.wait_for(lock, std::chrono::duration<double>(nap(steady_seconds() - active_at)),
                   [&] { return woken_; });
    woken_ = false;
  }
}

void WiredEnd::handle(WireEvent& event) {
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

void WiredEnd::handle(int from, Frame frame) {
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
    case FrameKind::kLogits:
    case FrameKind::kFinished:
    case FrameKind::kError:
      inbox_.push_now(from, std::move(frame));
      return;
  }
  changed_.notify_all();
}

void WiredEnd::lose(int stage, std::string_view why) {
  Peer& peer = at(stage);
  if (peer.over) return;
  peer.over = why;
  peer.lost = true;
  peer.queue.clear();
  inbox_.lose(stage, why);
  if (options_.on_loss && !std::exchange(told_of_loss_, true))
    options_.on_loss(PeerLost(stage, why));
  changed_.notify_all();
}

// Hands the wire what is next for a stage: a word on what was received where one is owed, so that
// it goes before what waits, then the queue, then a pulse where nothing else was sent.
bool WiredEnd::begin_next(int to, Peer& peer) {
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
    stirred_ = true;
  } else {
    return false;
  }
  liveness_.sent(to);
  return true;
}

bool WiredEnd::is_done(Seconds now) {
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

Seconds WiredEnd::nap(Seconds quiet) const {
  if (quiet > kRestAfter) return kNapAtRest;
  if (receiving_ || end_ != End::kNone)
    return std::clamp(quiet * kNapShare, kShortestNap, kLongestNapWaitedFor);
  for (int other = 0; other < stages(); ++other) {
    if (other == stage_ || wire_->is_free(other)) continue;
    return std::clamp(quiet * kNapShareOfSending, kShortestNapOfSending, kLongestNapWaitedFor);
  }
  return kNapUnwaitedFor;
}

}  // namespace sirocco
