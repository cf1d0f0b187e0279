#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/transport/wire.hpp"

namespace sirocco {

/// A network within one process, which tests may disturb. Thread-safe; outlives its wires.
class FakeNetwork {
 public:
  explicit FakeNetwork(int stages) : arrived_(static_cast<std::size_t>(stages)) {}

  std::unique_ptr<Wire> wire(int stage) { return std::make_unique<End>(*this, stage); }

  /// Whatever this stage sends from now on is lost on its way.
  void silence(int stage) {
    const std::lock_guard lock(mutex_);
    silent_.insert(stage);
  }
  /// Something comes that the other end didn't send.
  void inject(int to, WireEvent event) {
    const std::lock_guard lock(mutex_);
    arrived_[static_cast<std::size_t>(to)].push_back(std::move(event));
  }
  /// Frames of a kind that a stage has sent.
  std::size_t sent(int stage, FrameKind kind) const {
    const std::lock_guard lock(mutex_);
    const auto found = sent_.find({stage, kind});
    return found == sent_.end() ? 0 : found->second;
  }

 private:
  class End final : public Wire {
   public:
    End(FakeNetwork& network, int stage) : network_(network), stage_(stage) {}
    int stage() const override { return stage_; }
    int stages() const override { return static_cast<int>(network_.arrived_.size()); }
    bool is_free(int /*to*/) const override { return true; }
    void begin(int to, Frame frame) override { network_.send(stage_, to, std::move(frame)); }
    void progress(std::vector<WireEvent>& events) override {
      const std::lock_guard lock(network_.mutex_);
      auto& arrived = network_.arrived_[static_cast<std::size_t>(stage_)];
      for (WireEvent& event : arrived) events.push_back(std::move(event));
      arrived.clear();
    }

   private:
    FakeNetwork& network_;
    int stage_;
  };

  void send(int from, int to, Frame frame) {
    const std::lock_guard lock(mutex_);
    ++sent_[{from, frame.header.kind}];
    if (!silent_.contains(from))
      arrived_[static_cast<std::size_t>(to)].push_back({from, std::move(frame)});
  }

  mutable std::mutex mutex_;
  std::vector<std::deque<WireEvent>> arrived_;  // at each stage
  std::map<std::pair<int, FrameKind>, std::size_t> sent_;
  std::set<int> silent_;
};

}  // namespace sirocco
