#include "sirocco/transport/inbox.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sirocco {

std::string gave_up(std::string_view why) { return "it gave up: " + quoted(why, 1000); }

Inbox::Inbox(int stage, int stages, std::uint64_t max_waiting)
    : stage_(stage), max_waiting_(max_waiting), senders_(static_cast<std::size_t>(stages)) {}

void Inbox::push(int from, Frame frame) {
  {
    std::unique_lock lock(mutex_);
    Sender& s = sender(from);
    const auto has_room = [&] { return from > stage_ || s.waiting < max_waiting_; };
    room_.wait(lock, [&] { return s.over || closed_ || lost_ || has_room(); });
    if (s.over) throw PeerLost(from, *s.over);
    if (closed_) throw PeerLost(stage_, *closed_);
    if (!has_room()) throw PeerLost(*lost_, *sender(*lost_).over);
    add(from, std::move(frame));
  }
  came_.notify_one();
}

void Inbox::push_now(int from, Frame frame) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || sender(from).over) return;
    add(from, std::move(frame));
  }
  came_.notify_one();
}

void Inbox::end(int from) {
  {
    const std::lock_guard lock(mutex_);
    if (sender(from).over) return;
    Frame last;
    last.header.kind = FrameKind::kShutdown;
    add(from, std::move(last));
    sender(from).over = "it has shut down";
  }
  came_.notify_one();
  room_.notify_all();
}

void Inbox::lose(int from, std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    if (sender(from).over) return;
    entries_.push_back({from, std::nullopt});
    sender(from).over = why;
    if (!lost_) lost_ = from;
  }
  came_.notify_one();
  room_.notify_all();
}

void Inbox::close(std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = why;
    entries_.clear();
  }
  came_.notify_one();
  room_.notify_all();
}

std::optional<Received> Inbox::take(Seconds longest) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return closed_ || !entries_.empty() || all_over(); };
  constexpr Seconds kDay = 86400;  // what clocks can add without overflow
  if (longest > kDay) {
    came_.wait(lock, ready);
  } else {
    came_.wait_for(lock, std::chrono::duration<double>(longest), ready);
  }
  if (closed_) throw PeerLost(stage_, *closed_);
  if (entries_.empty()) {
    if (!all_over()) return std::nullopt;
    throw PeerLost(stage_ == 0 ? 1 : 0, "it has shut down, and so has every other stage");
  }
  Entry& first = entries_.front();
  if (!first.frame) throw PeerLost(first.from, *sender(first.from).over);
  Received received{first.from, std::move(*first.frame)};
  entries_.pop_front();
  sender(received.from).waiting -= frame_bytes(received.frame);
  lock.unlock();
  room_.notify_all();
  return received;
}

void Inbox::add(int from, Frame frame) {
  sender(from).waiting += frame_bytes(frame);
  entries_.push_back({from, std::move(frame)});
}

bool Inbox::all_over() const {
  return senders_.size() > 1 && std::all_of(senders_.begin(), senders_.end(), [&](const Sender& s) {
           return s.over || &s == &senders_[static_cast<std::size_t>(stage_)];
         });
}

}  // namespace sirocco
