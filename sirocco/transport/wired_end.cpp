#include "sirocco/transport/wired_end.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace sirocco {

Seconds steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Frame own_frame(FrameKind kind, ByteWriter& writer) {
  Frame frame;
  frame.header.kind = kind;
  frame.payload = writer.take();
  return frame;
}

WiredEnd::WiredEnd(std::unique_ptr<Wire> wire, WiredOptions options)
    : wire_(std::move(wire)),
      options_(std::move(options)),
      clock_(options_.clock ? options_.clock : steady_seconds),
      stage_(wire_->stage()),
      inbox_(stage_, wire_->stages(), options_.frames.max_on_the_way),
      liveness_(wire_->stages(), options_.liveness, clock_()),
      peers_(static_cast<std::size_t>(wire_->stages())),
      thread_([this] { run(); }) {}

WiredEnd::~WiredEnd() {
  fail(kNoReason);
  thread_.join();
}

void WiredEnd::agree(std::vector<Term> terms) {
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

void WiredEnd::send(int to, Frame frame) {
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

std::optional<Received> WiredEnd::receive(Seconds longest) {
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

void WiredEnd::finish(End end, std::string_view why) noexcept {
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

void WiredEnd::join() {
  std::unique_lock lock(mutex_);
  SIROCCO_CHECK(end_ != End::kNone);
  changed_.wait(lock, [&] { return done_; });
  if (end_ == End::kFailed) throw PeerLost(stage_, end_reason_);
  for_each_other([](int other, const Peer& peer) {
    if (peer.lost) throw PeerLost(other, *peer.over);
  });
}

bool WiredEnd::wind_up() noexcept {
  fail(kNoReason);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
  return end_ == End::kInOrder && !lost();
}

std::optional<int> WiredEnd::lost() const {
  const auto is_lost = [](const Peer& peer) { return peer.lost; };
  const auto found = std::find_if(peers_.begin(), peers_.end(), is_lost);
  if (found == peers_.end()) return std::nullopt;
  return static_cast<int>(found - peers_.begin());
}

}  // namespace sirocco
