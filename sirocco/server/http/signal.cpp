#include "sirocco/server/http/signal.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "sirocco/server/http/signal_state.hpp"

namespace sirocco::http {

Signal::Signal(std::shared_ptr<SignalState> state) : state_(std::move(state)) {}

void Signal::ring() const noexcept { state_->ring(); }

void Mailbox::put(std::shared_ptr<SignalState> rung) {
  const std::lock_guard lock(mutex_);
  if (network_ == nullptr) return;
  rung_.push_back(std::move(rung));
  if (rung_.size() > 1) return;
  boost::asio::post(*network_, [self = shared_from_this()] { self->deliver(); });
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  network_ = nullptr;
  rung_.clear();
}

void Mailbox::deliver() {
  std::vector<std::shared_ptr<SignalState>> rung;
  {
    const std::lock_guard lock(mutex_);
    rung.swap(rung_);
  }
  for (const std::shared_ptr<SignalState>& state : rung) state->wake();
}

}  // namespace sirocco::http
