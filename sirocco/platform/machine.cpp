#include "sirocco/platform/machine.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

std::uint64_t memory_of(const DeviceTopology& topology, std::uint64_t asked) {
  if (asked != 0) return asked;
  return topology.whole().memory != 0 ? topology.whole().memory : UINT64_MAX;
}

/// A device's CPUs are one of each core first, then their siblings.
std::vector<int> cpus_of(const Device& device, CorePart part) {
  const auto begin_of = [&](int number) { return device.cores * number / part.parts; };
  int begin = begin_of(part.number);
  int end = begin_of(part.number + 1);
  if (begin == end) {
    begin = part.number % device.cores;
    end = begin + 1;
  }
  std::vector<int> cpus;
  for (std::size_t i = 0; i < device.cpus.size(); ++i) {
    const int core = static_cast<int>(i) % device.cores;
    if (core >= begin && core < end) cpus.push_back(device.cpus[i]);
  }
  return cpus;
}

}  // namespace

Machine::Machine(DeviceTopology topology, Options options)
    : topology_(std::move(topology)), ledger_(memory_of(topology_, options.max_memory)) {}

ByteLedger& Machine::ledger(const std::optional<Device>& device) {
  if (!device || !device->node) return ledger_;
  const std::lock_guard lock(mutex_);
  const std::uint64_t memory = device->memory != 0 ? device->memory : UINT64_MAX;
  return of_nodes_.try_emplace(*device->node, memory, ledger_).first->second;
}

ThreadGroup& Machine::threads(const Placement& placement, CorePart part) {
  SIROCCO_CHECK(part.parts >= 1 && part.number >= 0 && part.number < part.parts);
  const Device& device = placement.device ? *placement.device : topology_.whole();
  std::vector<int> cpus = placement.device ? device.cpus : std::vector<int>();
  int threads = placement.threads == 0 ? device.default_threads : placement.threads;
  int of_part = -1;
  if (part.parts > 1) {
    of_part = part.number;
    cpus = cpus_of(device, part);
    const auto share = [&](int number) { return threads * number / part.parts; };
    threads = std::max(share(part.number + 1) - share(part.number), 1);
  }
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(groups_, [&](const Group& group) {
    return group.threads == threads && group.cpus == cpus && group.part == of_part;
  });
  if (found != groups_.end()) return *found->group;
  auto group = std::make_unique<ThreadGroup>(threads, std::span<const int>(cpus));
  groups_.push_back({cpus, threads, of_part, std::move(group)});
  return *groups_.back().group;
}

}  // namespace sirocco
