#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "sirocco/server/http/event.hpp"

namespace sirocco::http {

/// The signals that were rung and whose handlers don't know yet. However many ring at once, the
/// network thread is woken once. Thread-safe.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  /// Until `close`, `network` lives.
  explicit Mailbox(boost::asio::io_context& network) : network_(&network) {}

  void put(std::shared_ptr<SignalState> rung);
  /// From now on nobody is woken.
  void close();

 private:
  void deliver();

  std::mutex mutex_;
  boost::asio::io_context* network_;
  std::vector<std::shared_ptr<SignalState>> rung_;
};

/// What the copies of a signal share.
class SignalState : public std::enable_shared_from_this<SignalState> {
 public:
  SignalState(std::shared_ptr<Mailbox> mailbox, Event& handler)
      : mailbox_(std::move(mailbox)), handler_(&handler) {}

  void ring() {
    if (!rung_.exchange(true, std::memory_order_acq_rel)) mailbox_->put(shared_from_this());
  }
  /// Whether it was rung since it was last asked. Network thread, as are the next two.
  bool take() { return rung_.exchange(false, std::memory_order_acq_rel); }
  void wake() {
    if (handler_ != nullptr) handler_->notify();
  }
  /// The handler has ended.
  void forget() { handler_ = nullptr; }

 private:
  std::atomic<bool> rung_ = false;
  const std::shared_ptr<Mailbox> mailbox_;
  Event* handler_;
};

}  // namespace sirocco::http
