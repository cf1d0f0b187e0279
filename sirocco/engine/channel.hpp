#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/base/seconds.hpp"
#include "sirocco/pipeline/work.hpp"

namespace sirocco {

/// What a request took, on the engine's clock.
struct RequestTimings {
  Seconds queued_s = 0;  ///< from submission to admission
  Seconds first_s = 0;   ///< from admission to the first event, or to the end without one
  Seconds rest_s = 0;    ///< from the first event to the last
};

/// The end of a request.
struct Finished {
  FinishReason reason = FinishReason::kStop;
  std::optional<ErrorKind> error = std::nullopt;  ///< kFailed: the kind of what went wrong
  std::string message = {};                       ///< kFailed: what went wrong
  Usage usage = {};
  RequestTimings timings = {};
};

/// A way to tell somebody on another thread that there is something to look at. `ring` is
/// thread-safe and neither blocks nor throws.
class Bell {
 public:
  virtual ~Bell() = default;
  virtual void ring() noexcept = 0;
};

/// A bell that threads wait for: that of whoever drives an engine, shared with all that may have
/// work for it, so that none of them needs the engine.
class WakeUp final : public Bell {
 public:
  void ring() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    bell_.notify_all();
  }
  /// Blocks until it was rung since the last wait.
  void wait() {
    std::unique_lock lock(mutex_);
    bell_.wait(lock, [&] { return rung_; });
    rung_ = false;
  }
  /// The same for `longest` seconds at most.
  void wait_for(Seconds longest) {
    constexpr Seconds kDay = 86400;  // what clocks can add without overflow
    if (longest > kDay) return wait();
    std::unique_lock lock(mutex_);
    bell_.wait_for(lock, std::chrono::duration<double>(longest), [&] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable bell_;
  bool rung_ = false;
};

/// The events of one request on their way from the thread that drives the engine to whoever asked:
/// a queue of `capacity`. The driver pauses the request while it is full, so that nobody waits for
/// a slow reader but the reader. One driver; any number of readers. Thread-safe.
template <class Event>
class Channel {
 public:
  /// `reader`, if there is one, is rung when something came.
  Channel(std::size_t capacity, std::shared_ptr<WakeUp> driver, std::shared_ptr<Bell> reader = {})
      : ring_(capacity),
        capacity_(capacity),
        driver_(std::move(driver)),
        reader_(std::move(reader)) {}

  // The driver's side.

  /// Whether the reader has to catch up first. It wakes the driver when it has.
  bool full() {
    const std::lock_guard lock(mutex_);
    paused_ = count_ >= capacity_;
    return paused_;
  }
  /// A step may bring more events than there was room for; they are kept all the same.
  void push(Event event) {
    {
      const std::lock_guard lock(mutex_);
      if (count_ == ring_.size()) grow();
      ring_[(first_ + count_) % ring_.size()] = std::move(event);
      ++count_;
    }
    tell_reader();
  }
  void finish(Finished finished) {
    {
      const std::lock_guard lock(mutex_);
      finished_ = std::move(finished);
    }
    tell_reader();
  }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  /// A bit for each choice that isn't wanted any more.
  std::uint64_t cancelled_choices() const {
    return cancelled_choices_.load(std::memory_order_acquire);
  }

  // The reader's side.

  void cancel() {
    cancelled_.store(true, std::memory_order_release);
    driver_->ring();
  }
  /// The same for one of several choices, which number at most 64.
  void cancel_choice(std::uint32_t choice) {
    SIROCCO_CHECK(choice < 64);
    cancelled_choices_.fetch_or(std::uint64_t{1} << choice, std::memory_order_acq_rel);
    driver_->ring();
  }
  /// The next event, if one is there.
  std::optional<Event> try_next() {
    std::unique_lock lock(mutex_);
    return take(lock);
  }
  /// The next event; blocks until one is there, or nothing will come.
  std::optional<Event> next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return count_ > 0 || finished_.has_value(); });
    return take(lock);
  }
  /// The end, once it was reached. Events may still be there.
  std::optional<Finished> finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }

 private:
  std::optional<Event> take(std::unique_lock<std::mutex>& lock) {
    std::optional<Event> event;
    if (count_ == 0) return event;
    event.emplace(std::move(ring_[first_]));
    first_ = (first_ + 1) % ring_.size();
    --count_;
    if (!paused_ || count_ > capacity_ / 2) return event;
    paused_ = false;
    lock.unlock();
    driver_->ring();
    return event;
  }
  void tell_reader() {
    came_.notify_all();
    if (reader_ != nullptr) reader_->ring();
  }
  void grow() {
    std::vector<Event> larger(ring_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i)
      larger[i] = std::move(ring_[(first_ + i) % ring_.size()]);
    ring_ = std::move(larger);
    first_ = 0;
  }

  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Event> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  const std::size_t capacity_;
  bool paused_ = false;
  std::optional<Finished> finished_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<std::uint64_t> cancelled_choices_ = 0;
  const std::shared_ptr<WakeUp> driver_;
  const std::shared_ptr<Bell> reader_;
};

}  // namespace sirocco
