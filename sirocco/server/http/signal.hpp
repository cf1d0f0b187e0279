#pragma once

#include <memory>

namespace sirocco::http {

class SignalState;

/// A bell that wakes one exchange's handler, wherever it waits for it. Copies ring the same
/// bell; it may outlive the exchange, and then wakes nobody. Rings before the handler has come to
/// look are one. Thread-safe; never blocks for more than a moment.
class Signal {
 public:
  void ring() const noexcept;

 private:
  friend class Connection;
  explicit Signal(std::shared_ptr<SignalState> state);
  std::shared_ptr<SignalState> state_;
};

}  // namespace sirocco::http
