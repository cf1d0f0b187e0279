#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sirocco/platform/byte_ledger.hpp"
#include "sirocco/platform/thread_group.hpp"
#include "sirocco/platform/topology.hpp"

namespace sirocco {

/// Which cores run a model, and with how many threads.
struct Placement {
  /// The device, whose helper threads stay on its cores; without, all cores, and threads go where
  /// the system puts them. The thread that drives the engine is the caller's to bind.
  std::optional<Device> device = std::nullopt;
  int threads = 0;  ///< 0: one a core
};

/// One of so many parts of a placement's cores, as even as they come; where there are fewer cores
/// than parts, some share one.
struct CorePart {
  int number = 0;
  int parts = 1;
};

/// The machine that models are loaded onto and engines run on: its topology, its budget of memory,
/// and the threads of each of its devices. Made first and passed by reference; outlives what is
/// made with it. Thread-safe.
class Machine {
 public:
  struct Options {
    std::uint64_t max_memory = 0;  ///< bytes; 0: what the system has, or control groups allow
  };

  /// The machine that this process is on.
  Machine() : Machine(DeviceTopology::detect(), {}) {}
  explicit Machine(Options options) : Machine(DeviceTopology::detect(), options) {}
  explicit Machine(DeviceTopology topology) : Machine(std::move(topology), {}) {}
  Machine(DeviceTopology topology, Options options);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const DeviceTopology& topology() const { return topology_; }
  /// The budget that weights, caches and scratch memory are charged to.
  ByteLedger& ledger() { return ledger_; }
  /// The part of it that a device has, which is all where that spans several memory nodes, or is
  /// none in particular.
  ByteLedger& ledger(const std::optional<Device>& device);

  /// The threads of a placement, made at the first call for it. Whoever asks for the same gets the
  /// same: models that never compute at the same time need no threads of their own. Throws
  /// InvalidArgument and ResourceExhausted as ThreadGroup.
  ThreadGroup& threads(const Placement& placement) { return threads(placement, {}); }
  /// The same of a part of its cores, with its part of the threads, one at least; each part has
  /// threads of its own.
  ThreadGroup& threads(const Placement& placement, CorePart part);

 private:
  struct Group {
    std::vector<int> cpus;  // that they are bound to; none: unbound
    int threads;
    int part;  // -1: all
    std::unique_ptr<ThreadGroup> group;
  };

  const DeviceTopology topology_;
  ByteLedger ledger_;
  std::mutex mutex_;
  std::map<int, ByteLedger> of_nodes_;
  std::vector<Group> groups_;
};

}  // namespace sirocco
