#include "sirocco/platform/machine.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace sirocco {
namespace {

std::uint64_t memory_of(const DeviceTopology& topology, std::uint64_t asked) {
  if (asked != 0) return asked;
  return topology.whole().memory != 0 ? topology.whole().memory : UINT64_MAX;
}

}  // namespace

Machine::Machine(DeviceTopology topology, Options options)
    : topology_(std::move(topology)), ledger_(memory_of(topology_, options.max_memory)) {}

std::uint64_t Machine::usual_cache_budget() const {
  return std::min(ledger_.limit() / 2, ledger_.free());
}

ThreadGroup& Machine::threads(const Placement& placement) {
  const Device& device = placement.device ? *placement.device : topology_.whole();
  const std::vector<int> cpus = placement.device ? device.cpus : std::vector<int>();
  const int threads = placement.threads == 0 ? device.default_threads : placement.threads;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(
      groups_, [&](const Group& group) { return group.threads == threads && group.cpus == cpus; });
  if (found != groups_.end()) return *found->group;
  auto group = std::make_unique<ThreadGroup>(threads, std::span<const int>(cpus));
  groups_.push_back({cpus, threads, std::move(group)});
  return *groups_.back().group;
}

}  // namespace sirocco
